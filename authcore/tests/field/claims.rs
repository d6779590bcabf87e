//! A claims type that changed with a deployment (rule A16).

use authcore::{Claims, ErrorKind};
use serde::Deserialize;
use serde_json::json;

use super::*;

#[derive(Debug, Deserialize)]
#[expect(dead_code, reason = "only read")]
struct Current {
    role: Vec<String>,
}

/// Case 9: sessions contain `role: "admin"`, and the current type expects a list.
#[tokio::test]
async fn a16_claims_of_another_type_mean_log_in_again() {
    let (store, clock) = (MemoryStore::new(), ManualClock::new(NOW));
    for auth in [sessions(&store, &clock, |builder| builder), hybrid(jwt(), &store, &clock)] {
        let before = login().claims(&json!({ "name": "Ada", "role": "admin" })).unwrap();
        let issued = auth.login(before).await.unwrap();
        let principal = auth.authenticate(issued.credential().expose()).await.unwrap();
        let error = principal.claims::<Current>().unwrap_err();
        assert_eq!((error.kind(), error.to_string().contains("role")), (ErrorKind::Unauthenticated, false));
        let Error::Claims(mismatch) = error else { panic!("{error:?}") };
        assert_eq!(
            (mismatch.member(), mismatch.found(), mismatch.expected()),
            (Some("role"), "a string", "a sequence")
        );
        assert!(mismatch.target().ends_with("Current"));
        assert!(!format!("{mismatch} {mismatch:?}").contains("admin"), "{mismatch}");
        let claims = principal.claims::<Claims>().unwrap();
        assert_eq!(claims.get::<String>("role"), Ok(Some("admin".to_owned())));
        assert_eq!(claims.get::<u8>("age"), Ok(None));
        assert!(claims.get::<Vec<String>>("role").is_err());
    }
}
