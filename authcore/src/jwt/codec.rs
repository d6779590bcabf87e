//! The compact serialization of a JWS (RFC 7515): three segments of base64url, of which the first is the
//! header.

use std::fmt;

use serde::Deserializer;
use serde::de::{IgnoredAny, MapAccess, Visitor};

use crate::base64url;
use crate::error::Rejection;
use crate::json::Text;
use crate::secret::ct_eq;

/// The maximum length of a token, in bytes (rule T8).
pub(super) const MAX_TOKEN_LEN: usize = 8 * 1024;
/// The maximum length of a decoded header, in bytes (rule T8).
pub(super) const MAX_HEADER_LEN: usize = 512;
/// The maximum length of an encoded header: 512 bytes take 683 characters, and 684 hold 513 bytes.
const MAX_HEADER_SEGMENT_LEN: usize = (MAX_HEADER_LEN * 4).div_ceil(3);
/// A buffer for a decoded header.
pub(super) type HeaderBuffer = [u8; MAX_HEADER_LEN];
/// The maximum number of parameters in a header (rule T8).
const MAX_HEADER_PARAMETERS: usize = 16;
/// The maximum length of a decoded payload, and one byte for the opening brace of a recognized one.
pub(super) const MAX_PAYLOAD_LEN: usize = MAX_TOKEN_LEN / 4 * 3 + 1;

/// The segments of a token, still encoded.
pub(super) struct Segments<'t> {
    pub(super) header: &'t str,
    pub(super) payload: &'t str,
    pub(super) signature: &'t str,
    /// The signed text: header, dot, payload.
    pub(super) signed: &'t str,
}

impl<'t> Segments<'t> {
    pub(super) const SHAPE: Rejection = Rejection::Malformed("a token has three segments, separated by dots");
    pub(super) const UNSIGNED: Rejection = Rejection::Malformed("the token has no signature");

    /// Splits a token at its two dots (rule T8).
    pub(super) fn split(token: &'t str) -> Result<Self, Rejection> {
        if token.len() > MAX_TOKEN_LEN {
            return Err(Rejection::Malformed("a token has at most 8192 bytes"));
        }
        let mut dots = memchr::memchr_iter(b'.', token.as_bytes());
        let (Some(first), Some(second), None) = (dots.next(), dots.next(), dots.next()) else {
            return Err(Self::SHAPE);
        };
        let (header, payload, signature) = (&token[..first], &token[first + 1..second], &token[second + 1..]);
        if header.is_empty() {
            return Err(Rejection::MalformedHeader("it is empty"));
        }
        if payload.is_empty() {
            return Err(Rejection::MalformedPayload("it is empty"));
        }
        if signature.is_empty() {
            return Err(Self::UNSIGNED);
        }
        Ok(Self { header, payload, signature, signed: &token[..second] })
    }
}

/// A MAC as a token writes it: at most 86 characters of unpadded base64url.
///
/// Comparing this text instead of the decoded bytes also refuses every other spelling of the same tag.
pub(super) struct EncodedTag {
    text: [u8; 86],
    len: usize,
}

impl EncodedTag {
    pub(super) fn new(tag: &[u8]) -> Self {
        let mut text = [0; 86];
        let len = base64url::encode(tag, &mut text);
        Self { text, len }
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.text[..self.len]
    }

    /// Returns whether `signature` is this tag, in constant time.
    pub(super) fn matches(&self, signature: &str) -> bool {
        self.len != 0 && ct_eq(self.as_bytes(), signature.as_bytes())
    }
}

/// Decodes a segment strictly: no padding, no other alphabet, no non-zero trailing bits (rule T8).
///
/// Also returns `None` if the buffer is too short; callers bound the length of the segment.
pub(super) fn decode<'b>(segment: &str, buffer: &'b mut [u8]) -> Option<&'b [u8]> {
    let len = base64url::decode(segment, buffer)?;
    Some(&buffer[..len])
}

/// Returns whether reading `text` failed because it is not JSON. The error alone does not say so:
/// serde_json also reports a syntax error for a number that its target type cannot hold, and for text that
/// is nested too deeply.
pub(super) fn is_not_json(text: &str, error: &serde_json::Error) -> bool {
    error.is_eof() || (error.is_syntax() && serde_json::from_str::<IgnoredAny>(text).is_err())
}

/// The header of a token: used to find the key and to check it against the key's rules, never to choose
/// those rules.
#[derive(Default)]
pub(super) struct Header<'h> {
    pub(super) algorithm: Option<Text<'h>>,
    pub(super) kid: Option<Text<'h>>,
    pub(super) typ: Option<Text<'h>>,
    pub(super) critical: bool,
}

impl<'h> Header<'h> {
    /// Reads the header segment.
    pub(super) fn read(segment: &str, buffer: &'h mut HeaderBuffer) -> Result<Self, Rejection> {
        if segment.len() > MAX_HEADER_SEGMENT_LEN {
            return Err(Rejection::MalformedHeader("it is longer than 512 bytes"));
        }
        let json = decode(segment, buffer).ok_or(Rejection::MalformedHeader("it is not base64url"))?;
        let json = std::str::from_utf8(json).map_err(|_| Rejection::MalformedHeader("it is not UTF-8"))?;
        let mut fault = None;
        let mut input = serde_json::Deserializer::from_str(json);
        let header = input.deserialize_map(Parameters { fault: &mut fault });
        header
            .and_then(|header| input.end().map(|()| header))
            .map_err(|error| Rejection::MalformedHeader(header_fault(json, &error, fault)))
    }
}

/// Returns the reason why a header cannot be read.
#[cold]
fn header_fault(json: &str, error: &serde_json::Error, fault: Option<&'static str>) -> &'static str {
    if is_not_json(json, error) { "it is not JSON" } else { fault.unwrap_or("it is not a JSON object") }
}

/// Reads the members of a header, and records the fault that stops it.
struct Parameters<'f> {
    fault: &'f mut Option<&'static str>,
}

impl Parameters<'_> {
    fn stop<T, E: serde::de::Error>(&mut self, fault: &'static str) -> Result<T, E> {
        *self.fault = Some(fault);
        Err(E::custom(fault))
    }

    /// Reads the value of a parameter that must be a string and appear once.
    fn text<'de, A: MapAccess<'de>>(
        &mut self,
        place: &mut Option<Text<'de>>,
        map: &mut A,
        not_text: &'static str,
    ) -> Result<(), A::Error> {
        let value = map.next_value().inspect_err(|_| *self.fault = Some(not_text))?;
        if place.replace(value).is_some() { self.stop(DUPLICATE_PARAMETER) } else { Ok(()) }
    }
}

const DUPLICATE_PARAMETER: &str = "a parameter appears more than once";

impl<'de> Visitor<'de> for Parameters<'_> {
    type Value = Header<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JOSE header")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<Header<'de>, A::Error> {
        let mut header = Header::default();
        // Most headers have no other parameters, and an empty vector does not allocate.
        let mut others: Vec<Text<'de>> = Vec::new();
        let mut count = 0;
        while let Some(name) = map.next_key::<Text<'de>>()? {
            count += 1;
            if count > MAX_HEADER_PARAMETERS {
                return self.stop("it has more than 16 parameters");
            }
            match &*name.0 {
                "alg" => self.text(&mut header.algorithm, &mut map, "`alg` is not a string")?,
                "kid" => self.text(&mut header.kid, &mut map, "`kid` is not a string")?,
                "typ" => self.text(&mut header.typ, &mut map, "`typ` is not a string")?,
                "crit" => {
                    map.next_value::<IgnoredAny>()?;
                    if std::mem::replace(&mut header.critical, true) {
                        return self.stop(DUPLICATE_PARAMETER);
                    }
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                    if others.contains(&name) {
                        return self.stop(DUPLICATE_PARAMETER);
                    }
                    others.push(name);
                }
            }
        }
        Ok(header)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn header(json: &str) -> Result<bool, Rejection> {
        let mut segment = String::new();
        base64url::push(json.as_bytes(), &mut segment);
        Header::read(&segment, &mut [0; MAX_HEADER_LEN]).map(|header| header.critical)
    }

    #[test]
    fn t8_exactly_three_segments_that_are_not_empty() {
        assert!(Segments::split("a.b.c").is_ok());
        for bad in ["", "a", "a.b", "a.b.", ".b.c", "a..c", "a.b.c.d", "..", "a.b.c."] {
            assert!(Segments::split(bad).is_err(), "{bad}");
        }
        let fits = format!("a.b.{}", "c".repeat(MAX_TOKEN_LEN - 4));
        assert!(Segments::split(&fits).is_ok());
        assert!(Segments::split(&(fits + "c")).is_err());
        assert!(Segments::split(&".".repeat(MAX_TOKEN_LEN)).is_err());
    }

    #[test]
    fn t8_segments_are_strict_base64url() {
        let mut buffer = [0; 16];
        assert_eq!(decode("AA", &mut buffer), Some(&[0][..]));
        for bad in ["AB", "A", "AA==", "A+AA", "A/AA", "AA\n", "A A", "ÄA"] {
            assert!(decode(bad, &mut buffer).is_none(), "{bad}");
        }
        assert!(decode(&"A".repeat(32), &mut buffer).is_none());
    }

    #[test]
    fn t8_headers_are_bounded_and_have_no_parameter_twice() {
        let named = |count: usize| {
            let members: Vec<_> = (0..count).map(|n| format!(r#""p{n}":{n}"#)).collect();
            header(&format!("{{{}}}", members.join(",")))
        };
        assert!(named(16).is_ok());
        assert!(named(17).is_err());
        assert!(header(r#"{"alg":"HS256","alg":"HS256"}"#).is_err());
        assert!(header(r#"{"x":1,"\u0078":1}"#).is_err(), "twice, once escaped");
        assert!(header(r#"{"alg":["HS256"]}"#).is_err());
        assert!(header(r#"{"alg":null}"#).is_err());
        assert!(header("[]").is_err());
        assert!(header("{}x").is_err());
        let sized = |len: usize| header(&format!(r#"{{"x":"{}"}}"#, "y".repeat(len - 8)));
        assert!(sized(512).is_ok());
        assert!(sized(513).is_err());
    }

    #[test]
    fn t3_crit_is_noticed_whatever_it_holds() {
        for value in [r#"["exp"]"#, "[]", "1", "null", r#""exp""#] {
            assert!(header(&format!(r#"{{"alg":"HS256","crit":{value}}}"#)).unwrap(), "{value}");
        }
    }

    proptest! {
        #[test]
        fn t12_any_text_is_split_and_read_without_panic(token in "\\PC{0,60}(\\.\\PC{0,60}){0,3}") {
            if let Ok(segments) = Segments::split(&token) {
                let _ = Header::read(segments.header, &mut [0; MAX_HEADER_LEN]);
                let _ = decode(segments.payload, &mut [0; 256]);
            }
        }

        #[test]
        fn t12_any_header_json_is_read_without_panic(
            json in "\\{(\"(alg|kid|typ|crit|x)\":[\\[\\]{}\"0-9a-z,:]{0,9},?){0,4}\\}",
        ) {
            let _ = header(&json);
        }
    }
}
