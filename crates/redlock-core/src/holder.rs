//! Who holds a lock, as the lock's value tells others.

use std::fmt::{self, Write};

/// Host, process and name of a lock's holder: part of the lock's value, shown to whoever is refused.
///
/// ```
/// use redlock_core::Holder;
/// let holder = Holder { host: Some("web-1".into()), pid: Some(4711), name: Some("importer".into()) };
/// assert_eq!(holder.to_string(), "importer (pid 4711 on web-1)");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Holder {
    /// The host's name.
    pub host: Option<String>,
    /// The process.
    pub pid: Option<u32>,
    /// The name that the application gave itself.
    pub name: Option<String>,
}

/// What every holder's text begins with: it proves that a value is ours.
const MARK: &str = "redlock";

impl Holder {
    /// This process: its host's name and its number.
    pub fn this_process() -> Self {
        Self { host: host_name(), pid: Some(std::process::id()), name: None }
    }

    /// Nothing but a name.
    pub fn named(name: impl Into<String>) -> Self {
        Self { name: Some(name.into()), ..Self::default() }
    }

    pub(crate) fn encode(&self, text: &mut String) {
        text.push_str(MARK);
        let pid = self.pid.map(|pid| pid.to_string());
        for (field, value) in [("host", &self.host), ("pid", &pid), ("name", &self.name)] {
            if let Some(value) = value {
                text.push(';');
                text.push_str(field);
                text.push('=');
                escape(value, text);
            }
        }
    }

    pub(crate) fn decode(text: &str) -> Option<Self> {
        let mut fields = text.split(';');
        if fields.next() != Some(MARK) {
            return None;
        }
        let mut holder = Self::default();
        for (field, value) in fields.filter_map(|field| field.split_once('=')) {
            match field {
                "host" => holder.host = Some(unescape(value)),
                "pid" => holder.pid = value.parse().ok(),
                "name" => holder.name = Some(unescape(value)),
                // A later version may say more.
                _ => {}
            }
        }
        Some(holder)
    }
}

fn escape(value: &str, text: &mut String) {
    for char in value.chars() {
        if matches!(char, '%' | ';' | '=' | '|') || char.is_control() {
            let mut bytes = [0; 4];
            for byte in char.encode_utf8(&mut bytes).bytes() {
                // Writing to a String cannot fail.
                let _ = write!(text, "%{byte:02x}");
            }
        } else {
            text.push(char);
        }
    }
}

fn unescape(value: &str) -> String {
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        let escaped = (*first == b'%').then(|| rest.split_at_checked(2).and_then(hex_byte)).flatten();
        bytes.push(escaped.unwrap_or(*first));
        if escaped.is_some() {
            rest = rest.get(2..).unwrap_or_default();
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn hex_byte((digits, _): (&[u8], &[u8])) -> Option<u8> {
    u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

fn host_name() -> Option<String> {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname")
        .or_else(|_| std::env::var("HOSTNAME"))
        .or_else(|_| std::env::var("COMPUTERNAME"))
        .ok()?;
    let name = name.trim();
    (!name.is_empty()).then(|| name.to_owned())
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = match (self.pid, &self.host) {
            (Some(pid), Some(host)) => format!("pid {pid} on {host}"),
            (Some(pid), None) => format!("pid {pid}"),
            (None, Some(host)) => format!("on {host}"),
            (None, None) => String::new(),
        };
        match (&self.name, place.as_str()) {
            (Some(name), "") => f.write_str(name),
            (Some(name), place) => write!(f, "{name} ({place})"),
            (None, "") => f.write_str("an unnamed holder"),
            (None, place) => f.write_str(place),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_holder_survives_its_encoding(
            host in proptest::option::of(any::<String>()),
            pid in any::<Option<u32>>(),
            name in proptest::option::of(any::<String>()),
        ) {
            let holder = Holder { host, pid, name };
            let mut text = String::new();
            holder.encode(&mut text);
            prop_assert!(!text.contains('|'));
            prop_assert_eq!(Holder::decode(&text), Some(holder));
        }

        #[test]
        fn decoding_any_text_never_panics(text in any::<String>()) {
            let _ = Holder::decode(&format!("redlock;host={text};pid={text}"));
        }
    }

    #[test]
    fn another_librarys_value_has_no_holder() {
        assert_eq!(Holder::decode("host=web-1"), None);
    }
}
