//! Values of custom fields, told by their shape.
//!
//! Which fields to ask for is known from the site's list of fields; an answer holds no others. So what an issue shows can be read again
//! later without that list: the only arrays of objects with states are sprints, the only numbers are story points.

use std::collections::BTreeMap;

use serde_json::Value;

fn values(others: &BTreeMap<String, Value>) -> impl Iterator<Item = &Value> {
    others.iter().filter(|(name, _)| name.starts_with("customfield_")).map(|(_, value)| value)
}

/// All sprints, closed ones included, each once.
pub fn sprints(others: &BTreeMap<String, Value>) -> Vec<String> {
    let mut ids: Vec<String> = Vec::new();
    for sprint in values(others).filter_map(Value::as_array).flatten() {
        let is_sprint = sprint.get("state").is_some_and(Value::is_string) && sprint.get("name").is_some();
        let id = match sprint.get("id") {
            Some(Value::Number(id)) if is_sprint => id.to_string(),
            Some(Value::String(id)) if is_sprint => id.clone(),
            _ => continue,
        };
        if !ids.contains(&id) {
            ids.push(id);
        }
    }
    ids
}

/// Company-managed and team-managed projects have a field each; an issue has a value in one of them.
pub fn story_points(others: &BTreeMap<String, Value>) -> Option<f64> {
    values(others).find_map(Value::as_f64)
}
