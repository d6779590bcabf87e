//! The device that logged in.

use std::fmt;
use std::net::IpAddr;

/// The label, user agent and IP address of a login: for display only, never trusted.
///
/// Texts are cleaned when set: control characters are dropped, and text beyond [`Device::MAX_LEN`] bytes is
/// cut. A client can therefore neither make its own login fail nor inflate the store.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Device(Option<Box<DeviceParts>>);

#[derive(Clone, Default, PartialEq, Eq)]
struct DeviceParts {
    label: Option<Box<str>>,
    user_agent: Option<Box<str>>,
    ip: Option<IpAddr>,
}

impl Device {
    /// The maximum length of each text, in bytes.
    pub const MAX_LEN: usize = 255;

    /// Creates an empty device description.
    pub fn unknown() -> Self {
        Self(None)
    }

    /// Sets a label that the subject will recognize, such as 'Ada's phone'.
    #[must_use]
    pub fn with_label(mut self, text: &str) -> Self {
        self.parts().label = clean(text);
        self.normalized()
    }

    /// Sets the `User-Agent` header of the login.
    #[must_use]
    pub fn with_user_agent(mut self, text: &str) -> Self {
        self.parts().user_agent = clean(text);
        self.normalized()
    }

    /// Sets the address from which the login came.
    #[must_use]
    pub fn with_ip(mut self, ip: IpAddr) -> Self {
        self.parts().ip = Some(ip);
        self
    }

    /// Returns the free text.
    pub fn label(&self) -> Option<&str> {
        self.0.as_ref()?.label.as_deref()
    }

    /// Returns the `User-Agent` header.
    pub fn user_agent(&self) -> Option<&str> {
        self.0.as_ref()?.user_agent.as_deref()
    }

    /// Returns the address.
    pub fn ip(&self) -> Option<IpAddr> {
        self.0.as_ref()?.ip
    }

    /// Returns whether nothing is known of the device.
    pub fn is_unknown(&self) -> bool {
        self.0.is_none()
    }

    fn parts(&mut self) -> &mut DeviceParts {
        self.0.get_or_insert_default()
    }

    /// Keeps a single form for a device of which nothing is known, so that equality and the encoding are
    /// exact.
    fn normalized(mut self) -> Self {
        if self.0.as_deref() == Some(&DeviceParts::default()) {
            self.0 = None;
        }
        self
    }
}

impl fmt::Debug for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Device")
            .field("label", &self.label())
            .field("user_agent", &self.user_agent())
            .field("ip", &self.ip())
            .finish()
    }
}

/// Returns whether a device keeps this text unchanged.
pub(crate) fn is_clean(text: &str) -> bool {
    !text.is_empty() && text.len() <= Device::MAX_LEN && !text.chars().any(char::is_control)
}

fn clean(text: &str) -> Option<Box<str>> {
    let mut cleaned = String::new();
    for c in text.chars().filter(|c| !c.is_control()) {
        if cleaned.len() + c.len_utf8() > Device::MAX_LEN {
            break;
        }
        cleaned.push(c);
    }
    (!cleaned.is_empty()).then(|| cleaned.into_boxed_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn device_texts_are_cleaned_and_cut_at_a_character() {
        let device = Device::unknown().with_user_agent("Mozilla\r\n\0/5.0").with_label(&"ü".repeat(200));
        assert_eq!(device.user_agent(), Some("Mozilla/5.0"));
        assert_eq!(device.label().map(str::len), Some(254));
        assert!(Device::unknown().with_label("\n").is_unknown());
    }

    proptest::proptest! {
        #[test]
        fn a_clean_text_is_one_that_cleaning_leaves_as_it_is(text in "[a-zü\\PC\\x00-\\x1f]{0,260}") {
            proptest::prop_assert_eq!(is_clean(&text), clean(&text).as_deref() == Some(&text));
        }
    }
}
