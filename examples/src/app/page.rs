//! Instructions for using a server: its start page, and the commands that it prints at the start.

use crate::accounts::{DEMO_EMAIL, DEMO_PASSWORD};
use crate::strategies::Strategy;

const ROUTES: &str = "\
GET    /me                       protected: who you are
POST   /auth/login               email, password, device (optional); a form or JSON
POST   /auth/password            current, new: change the password
POST   /auth/logout              log this one out, and hear when that counts
";

const DEVICES: &str = "\
POST   /auth/logout-others       log all others out
POST   /auth/logout-everywhere   log all of them out
GET    /auth/sessions            your devices
DELETE /auth/sessions/{id}       log one of them out
";

const REFRESH: &str = "\
POST   /auth/refresh             refresh_token: fresh tokens for it
";

const NO_DEVICES: &str = "
There is no list of devices and no logout of other devices: without a store, the server keeps no record of the
tokens that it has issued. Those routes return 501.
";

pub(super) fn text(strategy: Strategy, url: &str) -> String {
    let more = match strategy {
        Strategy::Sessions => DEVICES.to_owned(),
        Strategy::Tokens => NO_DEVICES.to_owned(),
        Strategy::Hybrid => format!("{DEVICES}{REFRESH}"),
    };
    format!("An example server of authcore.\n\n{ROUTES}{more}\n{}", try_it(strategy, url))
}

/// Returns commands to paste into a shell, one after the other.
pub(crate) fn try_it(strategy: Strategy, url: &str) -> String {
    let login = format!("-d email={DEMO_EMAIL} -d password={DEMO_PASSWORD} -d device=curl {url}/auth/login");
    // The responses do not end with a newline.
    let curl = r"curl -w '\n'";
    let commands = match strategy {
        Strategy::Sessions => vec![
            format!("{curl} -c cookies.txt {login}"),
            format!("{curl} -b cookies.txt {url}/me"),
            format!("{curl} -b cookies.txt {url}/auth/sessions"),
            format!("{curl} -b cookies.txt -c cookies.txt -X POST {url}/auth/logout"),
        ],
        Strategy::Tokens | Strategy::Hybrid => {
            let member =
                |name: &str| format!(r#"$(echo "$LOGIN" | sed -n 's/.*"{name}":"\([^"]*\).*/\1/p')"#);
            let bearer = r#"-H "Authorization: Bearer $TOKEN""#;
            let mut commands =
                vec![format!("LOGIN=$(curl -s {login})"), format!("TOKEN={}", member("access_token"))];
            if strategy == Strategy::Hybrid {
                commands.push(format!("REFRESH={}", member("refresh_token")));
            }
            commands.push(format!("{curl} {bearer} {url}/me"));
            if strategy == Strategy::Hybrid {
                commands.push(format!("{curl} {bearer} {url}/auth/sessions"));
                commands.push(format!(r#"{curl} -d "refresh_token=$REFRESH" {url}/auth/refresh"#));
            }
            commands.push(format!("{curl} {bearer} -X POST {url}/auth/logout"));
            commands
        }
    };
    let note = if strategy == Strategy::Hybrid {
        "\nA refresh replaces the refresh token. A token younger than 30 seconds is returned again instead.\n"
    } else {
        ""
    };
    format!(
        "Log in as {DEMO_EMAIL} with the password {DEMO_PASSWORD}:\n\n  {}\n{note}",
        commands.join("\n  ")
    )
}
