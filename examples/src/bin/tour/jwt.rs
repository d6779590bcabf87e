//! What anybody can do with an access token: read it, and try to forge one.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use crate::guide::Failure;

/// The header as it is written and the payload of a token; nothing is verified.
pub(crate) fn decode(token: &str) -> Result<(String, Value), Failure> {
    let [header, payload, _] = segments(token)?;
    Ok((String::from_utf8(URL_SAFE_NO_PAD.decode(header)?)?, json(payload)?))
}

/// The token with its role changed, under the signature that it had.
pub(crate) fn with_role(token: &str, role: &str) -> Result<String, Failure> {
    let [header, payload, signature] = segments(token)?;
    let mut claims = json(payload)?;
    claims["role"] = role.into();
    Ok(format!("{header}.{}.{signature}", URL_SAFE_NO_PAD.encode(claims.to_string())))
}

/// The token with `alg` set to `none`, under the signature that it had or under none.
pub(crate) fn unsigned(token: &str, keep_signature: bool) -> Result<String, Failure> {
    let [header, payload, signature] = segments(token)?;
    let mut header = json(header)?;
    header["alg"] = "none".into();
    let signature = if keep_signature { signature } else { "" };
    Ok(format!("{}.{payload}.{signature}", URL_SAFE_NO_PAD.encode(header.to_string())))
}

fn segments(token: &str) -> Result<[&str; 3], Failure> {
    let segments: Vec<_> = token.split('.').collect();
    segments.try_into().map_err(|_| "an access token has three parts".into())
}

fn json(segment: &str) -> Result<Value, Failure> {
    Ok(serde_json::from_slice(&URL_SAFE_NO_PAD.decode(segment)?)?)
}
