//! The output of the tour.

use std::io::{IsTerminal as _, Write as _};

use authcore::Timestamp;
use cookie::time::OffsetDateTime;
use serde_json::{Map, Value};

/// Prints a line. A closed pipe is not an error.
macro_rules! put {
    ($($text:tt)*) => {{
        let _ = writeln!(std::io::stdout(), $($text)*);
    }};
}

/// The assumed width of the screen. Labelled text is wrapped before it, with an indent.
const WIDTH: usize = 100;
/// The width of a label.
const LABEL: usize = 9;
/// The order in which members are shown; others follow.
const ORDER: &str = "error iss aud sub client_id iat exp auth_time jti sid epoch subject role session_id \
    authenticated_at expires_at access_token token_type expires_in refresh_token refresh_expires_in \
    ended_sessions effective effective_at";

/// Standard output, with colours if it is a terminal and `NO_COLOR` is not set.
pub(crate) struct Screen {
    colours: bool,
}

#[derive(Clone, Copy)]
enum Style {
    Bold,
    Dim,
    Good,
    Bad,
    Accent,
}

impl Screen {
    pub(crate) fn new() -> Self {
        let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        Self { colours: wanted && std::io::stdout().is_terminal() }
    }

    pub(crate) fn title(&self, text: &str) {
        put!("\n{}", self.paint(Style::Bold, text));
    }

    pub(crate) fn chapter(&self, text: &str) {
        let rule = "━".repeat(WIDTH.saturating_sub(text.chars().count() + 4));
        put!("\n\n{}", self.paint(Style::Accent, &format!("━━ {text} {rule}")));
    }

    pub(crate) fn text(&self, text: &str) {
        put!("");
        for line in text.lines() {
            put!("  {line}");
        }
    }

    pub(crate) fn interlude(&self, text: &str) {
        put!("\n      {}", self.paint(Style::Accent, &format!("· · ·  {text}  · · ·")));
    }

    pub(crate) fn step(&self, number: usize, title: &str, good: bool) {
        put!(
            "\n  {} {} {}",
            self.mark(good),
            self.paint(Style::Dim, &format!("{number:>2}")),
            self.paint(Style::Bold, title)
        );
    }

    /// Prints a labelled text, wrapped if it is long.
    pub(crate) fn line(&self, label: &str, text: &str) {
        let indent = " ".repeat(8);
        for (index, line) in wrapped(text, WIDTH - indent.len() - LABEL - 1).into_iter().enumerate() {
            let label = if index == 0 { label } else { "" };
            put!("{indent}{} {line}", self.paint(Style::Dim, &format!("{label:LABEL$}")));
        }
    }

    /// Prints lines, the first with a label.
    pub(crate) fn lines(&self, label: &str, text: &str) {
        for (index, line) in text.lines().enumerate() {
            self.line(if index == 0 { label } else { "" }, line);
        }
    }

    /// Prints the status and body of a response.
    pub(crate) fn answer(&self, status: &str, body: &Value, now: Timestamp) {
        let status = self.paint(Style::Bold, status);
        match body {
            Value::Object(members) if members.len() == 1 && members.contains_key("error") => {
                let error = plain(&members["error"]);
                let gap = if error.len() > 50 { "\n" } else { "   " };
                self.lines("answer", &format!("{status}{gap}{error}"));
            }
            Value::Object(members) => {
                self.line("answer", &status);
                self.members("", members, now);
            }
            Value::Array(devices) => {
                self.line("answer", &status);
                for device in devices {
                    self.line("", &device_line(device, now));
                }
            }
            _ => self.line("answer", &status),
        }
    }

    /// Prints a decoded access token.
    pub(crate) fn token(&self, header: &str, payload: &Value, now: Timestamp) {
        self.line("decoded", &format!("header   {header}"));
        if let Value::Object(members) = payload {
            self.members("payload  ", members, now);
        }
    }

    pub(crate) fn check(&self, what: &str, good: bool) {
        self.line("checked", &format!("{} {what}", self.mark(good)));
    }

    pub(crate) fn summary(&self, text: &str) {
        put!("\n\n  {}", self.paint(Style::Good, &format!("✓ {text}")));
    }

    pub(crate) fn failure(&self, text: &str) {
        put!("\n\n  {}\n", self.paint(Style::Bad, &format!("✗ {text}")));
    }

    fn members(&self, prefix: &str, members: &Map<String, Value>, now: Timestamp) {
        let width = members.keys().map(String::len).max().unwrap_or(0);
        let place = |name: &str| ORDER.split(' ').position(|known| known == name).unwrap_or(usize::MAX);
        let mut names: Vec<_> = members.keys().collect();
        names.sort_by_key(|name| place(name));
        for (index, name) in names.into_iter().enumerate() {
            let prefix = if index == 0 { prefix.to_owned() } else { " ".repeat(prefix.len()) };
            let name_shown = self.paint(Style::Dim, &format!("{name:width$}"));
            self.line("", &format!("{prefix}{name_shown}  {}", value(name, &members[name], now)));
        }
    }

    fn mark(&self, good: bool) -> String {
        if good { self.paint(Style::Good, "✓") } else { self.paint(Style::Bad, "✗") }
    }

    fn paint(&self, style: Style, text: &str) -> String {
        if !self.colours {
            return text.to_owned();
        }
        let code = match style {
            Style::Bold => "1",
            Style::Dim => "2",
            Style::Good => "1;32",
            Style::Bad => "1;31",
            Style::Accent => "36",
        };
        format!("\u{1b}[{code}m{text}\u{1b}[0m")
    }
}

/// Returns both ends of a secret and its length.
pub(crate) fn shorten(secret: &str) -> String {
    const START: usize = 10;
    const END: usize = 4;
    let len = secret.chars().count();
    if len <= START + END {
        return secret.to_owned();
    }
    let start: String = secret.chars().take(START).collect();
    let end: String = secret.chars().skip(len - END).collect();
    format!("{start}…{end} ({len} chars)")
}

/// Returns a duration in words.
pub(crate) fn human(seconds: u64) -> String {
    let (count, unit) = match seconds {
        0..60 => (seconds, "second"),
        60..7200 => ((seconds + 29) / 60, "minute"),
        7200..172_800 => ((seconds + 1800) / 3600, "hour"),
        _ => ((seconds + 43_200) / 86_400, "day"),
    };
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}

/// Returns a time and its distance from now.
fn moment(seconds: u64, now: Timestamp) -> String {
    let Some(date) = i64::try_from(seconds).ok().and_then(|s| OffsetDateTime::from_unix_timestamp(s).ok())
    else {
        return seconds.to_string();
    };
    let away = match (seconds, now.as_secs()) {
        (at, now) if at > now + 1 => format!("in {}", human(at - now)),
        (at, now) if at + 1 < now => format!("{} ago", human(now - at)),
        _ => "now".to_owned(),
    };
    format!("{} {:02}:{:02}:{:02} UTC ({away})", date.date(), date.hour(), date.minute(), date.second())
}

fn value(name: &str, value: &Value, now: Timestamp) -> String {
    let is_moment = name.ends_with("_at") || ["iat", "exp", "auth_time"].contains(&name);
    match value {
        Value::Number(number) if is_moment => number.as_u64().map_or_else(String::new, |at| moment(at, now)),
        Value::Number(seconds) if name.ends_with("_in") => {
            format!("{seconds} seconds ({})", human(seconds.as_u64().unwrap_or(0)))
        }
        Value::String(token) if name.ends_with("_token") => shorten(token),
        Value::Array(items) if items.is_empty() => "none".to_owned(),
        Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(", "),
        other => plain(other),
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::Null => "none".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Wraps a line at spaces before the width. A word longer than that stays whole.
fn wrapped(text: &str, width: usize) -> Vec<&str> {
    let (mut lines, mut rest) = (Vec::new(), text);
    while let Some((end, _)) = rest.char_indices().nth(width) {
        let head = rest.split_at(end).0;
        let Some((line, _)) = head.rsplit_once(' ').filter(|(line, _)| !line.trim().is_empty()) else {
            break;
        };
        rest = rest.split_at(line.len()).1.trim_start();
        lines.push(line.trim_end());
    }
    lines.push(rest);
    lines
}

fn device_line(device: &Value, now: Timestamp) -> String {
    let current = if device["current"] == true { "this device" } else { "" };
    let seen = device["last_seen_at"].as_u64().map_or_else(String::new, |at| moment(at, now));
    format!("{:8} {:11}  {}  seen {seen}", plain(&device["device"]), current, plain(&device["id"]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_are_broken_at_spaces() {
        assert_eq!(wrapped("", 3), [""]);
        assert_eq!(wrapped("one two", 7), ["one two"]);
        assert_eq!(wrapped("one  two three", 9), ["one  two", "three"]);
        assert_eq!(wrapped("één twee drie", 9), ["één twee", "drie"]);
        assert_eq!(wrapped("  indivisible, all of it", 6), ["  indivisible, all of it"]);
    }

    #[test]
    fn secrets_are_shortened_and_times_are_for_people() {
        assert_eq!(shorten("acs_0123456789abcdef"), "acs_012345…cdef (20 chars)");
        assert_eq!(shorten("short"), "short");
        for (seconds, text) in
            [(1, "1 second"), (60, "1 minute"), (930, "15 minutes"), (2_592_000, "30 days")]
        {
            assert_eq!(human(seconds), text);
        }
        let at = Timestamp::from_secs(1_000_000_000);
        assert_eq!(moment(1_000_000_900, at), "2001-09-09 02:01:40 UTC (in 15 minutes)");
    }
}
