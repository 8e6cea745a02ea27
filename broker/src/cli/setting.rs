//! `key=value` on the command line.

/// A key and its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Setting {
    pub(super) key: String,
    pub(super) value: String,
}

impl Setting {
    pub(super) fn into_pair(self) -> (String, String) {
        (self.key, self.value)
    }

    pub(super) fn as_pair(&self) -> (&str, Option<&str>) {
        (&self.key, Some(&self.value))
    }
}

/// Reads one.
pub(super) fn setting(text: &str) -> Result<Setting, String> {
    let (key, value) = text.split_once('=').ok_or("write key=value")?;
    let key = key.trim();
    if key.is_empty() {
        return Err("write a key before the equals sign".to_owned());
    }
    Ok(Setting { key: key.to_owned(), value: value.to_owned() })
}

/// Reads what Kafka's tool takes: settings between commas, with brackets around a value that has
/// commas of its own.
pub(super) fn settings(text: &str) -> Result<Vec<Setting>, String> {
    let mut depth = 0_u32;
    let parts = text.split(|c| {
        match c {
            '[' => depth += 1,
            ']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        c == ',' && depth == 0
    });
    parts
        .map(|part| {
            let Setting { key, value } = setting(part)?;
            let bare = value.strip_prefix('[').and_then(|value| value.strip_suffix(']'));
            Ok(Setting { key, value: bare.unwrap_or(&value).to_owned() })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(text: &str) -> Vec<(String, String)> {
        settings(text).unwrap().into_iter().map(Setting::into_pair).collect()
    }

    #[test]
    fn a_value_may_have_equals_signs() {
        let read = setting("a.b=c=d").unwrap();
        assert_eq!(read.as_pair(), ("a.b", Some("c=d")));
        assert!(setting("a").is_err() && setting("=b").is_err());
    }

    #[test]
    fn brackets_keep_a_list_together() {
        let own = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        assert_eq!(pairs("a=1,b=2"), [own("a", "1"), own("b", "2")]);
        assert_eq!(
            pairs("cleanup.policy=[compact,delete],a="),
            [own("cleanup.policy", "compact,delete"), own("a", "")]
        );
        assert!(settings("a=1,b").is_err());
    }
}
