//! What the configuration may tell a plugin.

/// One of the plugin's own settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Setting {
    Boolean(bool),
    Integer(i64),
    Text(String),
    Texts(Vec<String>),
}
