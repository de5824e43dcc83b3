//! The plugin's own section of the configuration.

use crate::contract::settings;
use crate::setting::Setting;

use super::Room;

impl settings::Host for Room {
    fn get(&mut self, name: String) -> wasmtime::Result<Option<settings::Value>> {
        self.count_call()?;
        Ok(self.shared.outside.settings.get(&name).map(to_guest))
    }

    fn names(&mut self) -> wasmtime::Result<Vec<String>> {
        self.count_call()?;
        Ok(self.shared.outside.settings.keys().cloned().collect())
    }
}

fn to_guest(setting: &Setting) -> settings::Value {
    match setting {
        Setting::Boolean(value) => settings::Value::Boolean(*value),
        Setting::Integer(value) => settings::Value::Integer(*value),
        Setting::Text(value) => settings::Value::Text(value.clone()),
        Setting::Texts(values) => settings::Value::Texts(values.clone()),
    }
}
