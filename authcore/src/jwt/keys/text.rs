//! Secrets in the form of text: recognized where bytes are expected, decoded where text is expected (rule
//! T9).

use base64::Engine as _;
use base64::alphabet;
use base64::engine::general_purpose::{GeneralPurpose, PAD_INDIFFERENT};
use zeroize::Zeroizing;

const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, PAD_INDIFFERENT);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, PAD_INDIFFERENT);

/// An encoding of bytes as text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    Hex,
    Base64,
}

impl Encoding {
    /// Returns the encoding if `secret` is evidently encoded text.
    ///
    /// Hexadecimal text has only hexadecimal digits. Base64 text has only characters of one alphabet, in a
    /// number that base64 can produce, and has padding or letters of both cases; a passphrase such as
    /// `correct-horse-battery` has neither. 32 random bytes look like either with a probability below
    /// 10^-18. The base64 text of 32 random bytes has letters of only one case with a probability below
    /// 10^-9.
    pub(super) fn evident_in(secret: &[u8]) -> Option<Self> {
        let text = unwrapped(secret);
        let all = |of: fn(u8) -> bool| characters(text).all(of);
        if let Some(rest) = text.strip_prefix(b"base64:") {
            return (!rest.is_empty()).then_some(Self::Base64);
        }
        // Includes `5b:d7`, `5bd7 91f0`, `0x5bd7` and a UUID with dashes.
        let digits = text.strip_prefix(b"0x").unwrap_or(text);
        if text.is_empty() {
            None
        } else if characters(digits).all(|c| c.is_ascii_hexdigit() || matches!(c, b':' | b' ' | b'-')) {
            Some(Self::Hex)
        } else if all(|c| STANDARD_ALPHABET(c) || c == b'=') || all(|c| URL_SAFE_ALPHABET(c) || c == b'=') {
            let (data, padding) = data_and_padding(text);
            let fits = if padding == 0 { data % 4 != 1 } else { (data + padding).is_multiple_of(4) };
            let has = |of: fn(u8) -> bool| characters(text).any(of);
            let mixed = has(|c| c.is_ascii_uppercase()) && has(|c| c.is_ascii_lowercase());
            let ended = characters(text).skip(data).all(|c| c == b'=');
            (fits && ended && padding <= 2 && (padding > 0 || mixed)).then_some(Self::Base64)
        } else {
            None
        }
    }

    /// Decodes `text`, which may have white space around it and line breaks in it, as tools print them.
    ///
    /// The error is the end of a sentence that begins with the name of the text, and contains nothing of
    /// the secret.
    pub(super) fn decode(self, text: &str) -> Result<Zeroizing<Vec<u8>>, String> {
        let text = Zeroizing::new(characters(text.as_bytes().trim_ascii()).collect::<Vec<_>>());
        if text.is_empty() {
            return Err("is empty".to_owned());
        }
        match self {
            Self::Hex => decode_hex(&text),
            Self::Base64 => decode_base64(&text),
        }
    }
}

/// Returns the text without what files and variables may have around it: white space, a byte order mark,
/// quotes, a final NUL.
fn unwrapped(secret: &[u8]) -> &[u8] {
    let text = secret.trim_ascii();
    let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
    let text = text.strip_suffix(b"\0").unwrap_or(text);
    let quoted = |quote: u8| text.strip_prefix(&[quote])?.strip_suffix(&[quote]);
    quoted(b'"').or_else(|| quoted(b'\'')).unwrap_or(text).trim_ascii()
}

pub(super) const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
const STANDARD_ALPHABET: fn(u8) -> bool = |c| c.is_ascii_alphanumeric() || matches!(c, b'+' | b'/');
const URL_SAFE_ALPHABET: fn(u8) -> bool = |c| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_');

/// Returns the text without its line breaks; `openssl rand -base64 64` prints two lines.
fn characters(text: &[u8]) -> impl Iterator<Item = u8> {
    text.iter().copied().filter(|c| !matches!(c, b'\r' | b'\n'))
}

/// Returns the number of characters before the first `=`, and the number of `=`.
fn data_and_padding(text: &[u8]) -> (usize, usize) {
    (characters(text).take_while(|c| *c != b'=').count(), characters(text).filter(|c| *c == b'=').count())
}

fn decode_hex(text: &[u8]) -> Result<Zeroizing<Vec<u8>>, String> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(text.len() / 2));
    if let Some(at) = text.iter().position(|c| !c.is_ascii_hexdigit()) {
        return Err(format!("has a character that is not a hexadecimal digit, the {}", ordinal(at)));
    }
    if !text.len().is_multiple_of(2) {
        return Err(format!("has {} digits, which is not a whole number of bytes", text.len()));
    }
    let digit = |c: u8| char::from(c).to_digit(16).and_then(|digit| u8::try_from(digit).ok()).unwrap_or(0);
    bytes.extend(text.chunks_exact(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])));
    Ok(bytes)
}

fn decode_base64(text: &[u8]) -> Result<Zeroizing<Vec<u8>>, String> {
    let known = |c: u8| STANDARD_ALPHABET(c) || URL_SAFE_ALPHABET(c) || c == b'=';
    if let Some(at) = text.iter().position(|c| !known(*c)) {
        return Err(format!("has a character that is not base64, the {}", ordinal(at)));
    }
    let url_safe = text.iter().any(|c| matches!(c, b'-' | b'_'));
    if url_safe && text.iter().any(|c| matches!(c, b'+' | b'/')) {
        return Err("mixes two alphabets: `+` and `/` are standard, `-` and `_` are URL-safe".to_owned());
    }
    let engine = if url_safe { &URL_SAFE } else { &STANDARD };
    let mut bytes = Zeroizing::new(vec![0; text.len() / 4 * 3 + 3]);
    // The library's own error shows characters of the secret.
    let len = engine.decode_slice(text, &mut bytes).map_err(|_| {
        format!("has {} characters and does not end as base64 does: part of it is missing", text.len())
    })?;
    bytes.truncate(len);
    Ok(bytes)
}

/// Returns the position of a character, counted from 1, as an ordinal number.
fn ordinal(at: usize) -> String {
    let place = at + 1;
    let suffix = match (place % 10, place % 100) {
        (_, 11..=13) => "th",
        (1, _) => "st",
        (2, _) => "nd",
        (3, _) => "rd",
        _ => "th",
    };
    format!("{place}{suffix}")
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
    use proptest::prelude::*;

    use super::*;

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn t9_words_and_other_texts_are_not_taken_for_an_encoding() {
        for text in [
            "correct-horse-battery-staple-correct-horse",
            "hunter2hunter2hunter2hunter2hunter2",
            "CORRECTHORSEBATTERYSTAPLECORRECTHORSE",
            "Correct horse battery staple, correct horse",
            "Mixed+Alphabets_are-not/base64-of-anything",
            "ThisIsOneCharacterTooLongToBeBase64Text_x",
            "Padding==in-the-middle-of-a-text-is-not-it",
            "Padding-that-does-not-fit-the-text=",
            "   \r\n  ",
            "",
        ] {
            assert_eq!(Encoding::evident_in(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn t9_an_encoding_is_seen_in_the_forms_that_tools_and_files_give_it() {
        const HEX: &str = "5bd7a04f3a1c9e42880a6d5be7f2c3911f0e8dd4a7b62c535e9910cc47ab83f6";
        const BASE64: &str = "W9egTzocnkKICm1b5/LDkR8Ojd+ntixTXpkQzEerg/Y=";
        let pairs: Vec<&str> = (0..HEX.len()).step_by(2).map(|at| &HEX[at..at + 2]).collect();
        for text in [
            format!("0x{HEX}"),
            format!("\"{HEX}\"\n"),
            format!("'{HEX}'"),
            format!("{HEX}\n\0"),
            format!("\u{feff}{HEX}\r\n"),
            pairs.join(":"),
            pairs.join(" "),
            HEX.to_uppercase(),
            "3f2b6c1e-9a4d-4c7b-8e21-5d0f7a96b3c8".to_owned(),
        ] {
            assert_eq!(Encoding::evident_in(text.as_bytes()), Some(Encoding::Hex), "{text:?}");
        }
        for text in [
            format!("base64:{BASE64}"),
            format!("\"{BASE64}\""),
            format!("'{BASE64}'\n"),
            format!("{BASE64}\0"),
        ] {
            assert_eq!(Encoding::evident_in(text.as_bytes()), Some(Encoding::Base64), "{text:?}");
        }
    }

    #[test]
    fn t9_text_that_is_cut_or_foreign_is_not_decoded() {
        for (encoding, text, fault) in [
            (Encoding::Hex, "", "is empty"),
            (Encoding::Hex, " \n", "is empty"),
            (Encoding::Hex, "abc", "has 3 digits, which is not a whole number of bytes"),
            (Encoding::Hex, "0x00", "has a character that is not a hexadecimal digit, the 2nd"),
            (Encoding::Hex, "00 00", "has a character that is not a hexadecimal digit, the 3rd"),
            (Encoding::Hex, "00\u{fc}0", "has a character that is not a hexadecimal digit, the 3rd"),
            (Encoding::Base64, "", "is empty"),
            (Encoding::Base64, "AA AA", "has a character that is not base64, the 3rd"),
            (Encoding::Base64, "AAAAAAAAAA.", "has a character that is not base64, the 11th"),
            (
                Encoding::Base64,
                "A-A+",
                "mixes two alphabets: `+` and `/` are standard, `-` and `_` are URL-safe",
            ),
        ] {
            assert_eq!(encoding.decode(text).unwrap_err(), fault, "{text}");
        }
        for cut in ["A", "AAAAA", "AB", "AA=A", "=", "AAA==", "AAAA=", "AA==AA=="] {
            let fault = Encoding::Base64.decode(cut).unwrap_err();
            assert!(fault.ends_with("part of it is missing"), "{cut}: {fault}");
        }
    }

    proptest! {
        #[test]
        fn t9_random_bytes_are_never_taken_for_text(
            secret in proptest::collection::vec(any::<u8>(), 32..97),
        ) {
            prop_assert_eq!(Encoding::evident_in(&secret), None);
        }

        #[test]
        fn t9_each_encoding_of_a_key_is_evident_and_decodes(
            secret in proptest::collection::vec(any::<u8>(), 32..97),
            around in "[ \t\r\n]{0,2}",
        ) {
            for (text, encoding) in [
                (hex(&secret), Encoding::Hex),
                (hex(&secret).to_uppercase(), Encoding::Hex),
                (base64::engine::general_purpose::STANDARD.encode(&secret), Encoding::Base64),
                (STANDARD_NO_PAD.encode(&secret), Encoding::Base64),
                (URL_SAFE.encode(&secret), Encoding::Base64),
                (URL_SAFE_NO_PAD.encode(&secret), Encoding::Base64),
            ] {
                let (start, end) = text.split_at(text.len() / 2);
                for text in [format!("{around}{text}{around}"), format!("{start}\r\n{end}\n")] {
                    prop_assert_eq!(Encoding::evident_in(text.as_bytes()), Some(encoding), "{}", text);
                    let decoded = encoding.decode(&text);
                    prop_assert_eq!(decoded.as_ref().map(|bytes| &bytes[..]), Ok(&secret[..]), "{}", text);
                }
            }
        }

        #[test]
        fn t12_any_text_is_decoded_without_panic(text in "\\PC{0,80}|[A-Za-z0-9+/=_-]{0,80}") {
            let _ = (Encoding::Hex.decode(&text), Encoding::Base64.decode(&text));
            let _ = Encoding::evident_in(text.as_bytes());
        }
    }
}
