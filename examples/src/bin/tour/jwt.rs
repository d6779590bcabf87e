//! Reading and forging access tokens.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use crate::guide::Failure;

/// Returns the encoded header and the decoded payload of a token, without verification.
pub(crate) fn decode(token: &str) -> Result<(String, Value), Failure> {
    let [header, payload, _] = segments(token)?;
    Ok((String::from_utf8(URL_SAFE_NO_PAD.decode(header)?)?, json(payload)?))
}

/// Returns the token with another role and the original signature.
pub(crate) fn with_role(token: &str, role: &str) -> Result<String, Failure> {
    let [header, payload, signature] = segments(token)?;
    let mut claims = json(payload)?;
    claims["role"] = role.into();
    Ok(format!("{header}.{}.{signature}", URL_SAFE_NO_PAD.encode(claims.to_string())))
}

/// Returns the token with `alg` set to `none`, with the original signature or none.
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
