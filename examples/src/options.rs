//! The command lines of the servers and of the playground.

use crate::stores::{STORES, StoreChoice};

pub(crate) const PORT: &str = "--port";
pub(crate) const STORE: &str = "--store";
pub(crate) const INSECURE_COOKIE: &str = "--insecure-loopback-cookie";

/// The parsed command line.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Options {
    pub(crate) port: u16,
    pub(crate) store: StoreChoice,
    pub(crate) insecure_cookie: bool,
}

impl Options {
    /// Parses a command line with the options in `known`. Returns `None` if help is requested.
    pub(crate) fn parse(
        mut arguments: impl Iterator<Item = String>,
        known: &[&str],
    ) -> Result<Option<Self>, String> {
        let (mut port, mut options) = (None, Self::default());
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().unwrap_or_default();
            match argument.as_str() {
                "--help" | "-h" => return Ok(None),
                PORT if known.contains(&PORT) => port = Some(parse_port(PORT, &value())?),
                STORE if known.contains(&STORE) => options.store = StoreChoice::parse(&value())?,
                INSECURE_COOKIE if known.contains(&INSECURE_COOKIE) => options.insecure_cookie = true,
                other => {
                    return Err(format!(
                        "unknown argument {other}; there are {} and --help",
                        known.join(", ")
                    ));
                }
            }
        }
        options.port = port_or_default(port)?;
        Ok(Some(options))
    }
}

/// Returns the help text for these options.
pub(crate) fn help(known: &[&str]) -> String {
    [
        (
            PORT,
            "<number>",
            "the port on 127.0.0.1 (default: AUTHCORE_PORT, or else 3000; 0 selects a free port)",
        ),
        (STORE, "<store>", STORES),
        (INSECURE_COOKIE, "", "omit Secure from the cookie, for browsers that require HTTPS for it (Safari)"),
        ("--help", "", "this text"),
    ]
    .into_iter()
    .filter(|(option, ..)| known.contains(option) || *option == "--help")
    .map(|(option, value, text)| format!("  {:26}  {text}", format!("{option} {value}").trim_end()))
    .collect::<Vec<_>>()
    .join("\n")
}

/// Returns the port from the command line, or else from the environment, or else 3000.
fn port_or_default(port: Option<u16>) -> Result<u16, String> {
    match (port, std::env::var("AUTHCORE_PORT")) {
        (Some(port), _) => Ok(port),
        (None, Ok(text)) => parse_port("AUTHCORE_PORT", &text),
        (None, Err(_)) => Ok(3000),
    }
}

fn parse_port(name: &str, text: &str) -> Result<u16, String> {
    text.parse().map_err(|_| format!("{name} must be a number from 0 to 65535, got {text:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str, known: &[&str]) -> Result<Option<Options>, String> {
        Options::parse(line.split_whitespace().map(str::to_owned), known)
    }

    #[test]
    fn a_command_line_has_the_options_of_its_program() {
        let store = StoreChoice::Sqlite("a.db".to_owned());
        let expected = Options { port: 0, store, insecure_cookie: true };
        let all = [PORT, STORE, INSECURE_COOKIE];
        let line = "--port 0 --store sqlite:a.db --insecure-loopback-cookie";
        assert_eq!(parse(line, &all), Ok(Some(expected)));
        assert_eq!(parse("--port 1 --help", &all), Ok(None));
        for bad in ["--port", "--port x", "--store", "--store x", "--what"] {
            assert!(parse(bad, &all).is_err(), "{bad}");
        }
        for other in ["--store memory", "--insecure-loopback-cookie"] {
            assert!(parse(other, &[PORT]).unwrap_err().ends_with("there are --port and --help"), "{other}");
        }
    }

    #[test]
    fn the_help_has_a_line_for_each_option() {
        let text = help(&[PORT, STORE]);
        let names: Vec<_> = text.lines().filter_map(|line| line.split_whitespace().next()).collect();
        assert_eq!(names, [PORT, STORE, "--help"]);
    }
}
