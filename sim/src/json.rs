//! Reading and setting members of JSON without indexing.

use serde_json::Value;

/// Members of a JSON object, where the value may be anything.
pub(crate) trait Members {
    /// The member; null if there is none or this is no object.
    fn member(&self, name: &str) -> &Value;
    /// Sets a member; what is no object stays as it is.
    fn set(&mut self, name: &str, value: Value);
}

impl Members for Value {
    fn member(&self, name: &str) -> &Value {
        self.get(name).unwrap_or(&Value::Null)
    }

    fn set(&mut self, name: &str, value: Value) {
        if let Some(members) = self.as_object_mut() {
            members.insert(name.to_owned(), value);
        }
    }
}
