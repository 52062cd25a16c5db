//! Holds requests against an OpenAPI description: method, path, query parameters and body.

use std::collections::HashMap;
use std::path::Path;

use jsonschema::{Draft, Validator};
use serde_json::{Value, json};

use crate::error::Error;
use crate::http::Request;
use crate::json::Members;

/// A description, with the body schemas that were needed so far.
pub(super) struct Description {
    json: Value,
    /// Compiled on first use, by path and method; `None` is an operation without a JSON body.
    bodies: HashMap<(String, String), Option<Validator>>,
}

impl std::fmt::Debug for Description {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Description").finish_non_exhaustive()
    }
}

impl Description {
    pub(super) fn read(path: &Path) -> Result<Self, Error> {
        let text = std::fs::read(path)
            .map_err(|source| Error::Description { path: path.to_owned(), source })?;
        let json = serde_json::from_slice(&text)
            .map_err(|source| Error::NotADescription { path: path.to_owned(), source })?;
        Ok(Self { json, bodies: HashMap::new() })
    }

    /// What is not as described. Paths outside the platform API are not described.
    pub(super) fn remarks(&mut self, request: &Request) -> Vec<String> {
        if !request.path.starts_with("/rest/api/") {
            return Vec::new();
        }
        let method = request.method.as_str().to_ascii_lowercase();
        let Some(template) = self.template(&request.path, &method) else {
            return vec![format!("{} {} is not described", request.method, request.path)];
        };
        let name = format!("{} {template}", request.method);
        let mut remarks = self.query_remarks(request, &template, &method);
        remarks.extend(self.body_remarks(request, &template, &method));
        remarks.into_iter().map(|remark| format!("{name}: {remark}")).collect()
    }

    /// The path template that has this method and fits best: fixed parts before parameters.
    fn template(&self, path: &str, method: &str) -> Option<String> {
        let parts: Vec<&str> = path.split('/').collect();
        let fits = |template: &str| {
            let wanted: Vec<&str> = template.split('/').collect();
            let pairs = wanted.iter().zip(&parts);
            (wanted.len() == parts.len()
                && pairs.clone().all(|(wanted, part)| wanted.starts_with('{') || wanted == part))
            .then(|| pairs.filter(|(wanted, _)| wanted.starts_with('{')).count())
        };
        let paths = self.json.member("paths").as_object()?.iter();
        paths
            .filter(|(_, operations)| operations.get(method).is_some())
            .filter_map(|(template, _)| Some((fits(template)?, template)))
            .min()
            .map(|(_, template)| template.clone())
    }

    fn query_remarks(&self, request: &Request, template: &str, method: &str) -> Vec<String> {
        let path = self.json.member("paths").member(template);
        let lists = [path.member("parameters"), path.member(method).member("parameters")];
        let parameters: Vec<&Value> = lists
            .iter()
            .filter_map(|list| list.as_array())
            .flatten()
            .filter(|parameter| parameter.member("in") == "query")
            .collect();
        let mut remarks = Vec::new();
        for (name, value) in &request.query {
            match parameters.iter().find(|known| known.member("name") == name.as_str()) {
                None => remarks.push(format!("unknown query parameter `{name}`")),
                Some(known) => remarks.extend(wrong_value(name, value, known.member("schema"))),
            }
        }
        for known in parameters.iter().filter(|known| known.member("required") == true) {
            let name = known.member("name").as_str().unwrap_or_default();
            if request.param(name).is_none() {
                remarks.push(format!("query parameter `{name}` is missing"));
            }
        }
        remarks
    }

    fn body_remarks(&mut self, request: &Request, template: &str, method: &str) -> Vec<String> {
        let key = (template.to_owned(), method.to_owned());
        let json = &self.json;
        let validator = self.bodies.entry(key).or_insert_with(|| compile(json, template, method));
        match (validator, request.body.is_empty()) {
            (None, true) => Vec::new(),
            (None, false) => vec!["a body where none is described".to_owned()],
            (Some(validator), _) => match serde_json::from_slice::<Value>(&request.body) {
                Err(_) => vec!["the body is not JSON".to_owned()],
                Ok(body) => {
                    let errors = validator.iter_errors(&body);
                    errors.map(|error| format!("{error} at `{}`", error.instance_path())).collect()
                }
            },
        }
    }
}

/// The schema of an operation's JSON body, with the components that it refers to.
fn compile(json: &Value, template: &str, method: &str) -> Option<Validator> {
    let operation = json.member("paths").member(template).member(method);
    let content = operation.member("requestBody").member("content").member("application/json");
    let mut schema = content.get("schema")?.clone();
    schema.set("components", json.member("components").clone());
    // A schema that is only a reference would hide its siblings from older drafts.
    let reference = schema.get("$ref").cloned();
    if let Some(reference) = reference {
        schema = json!({"allOf": [{"$ref": reference}], "components": json.member("components")});
    }
    // OpenAPI 3.0 writes its bounds as draft 4 does.
    match jsonschema::options().with_draft(Draft::Draft4).build(&schema) {
        Ok(validator) => Some(validator),
        Err(error) => {
            tracing::warn!(%error, template, "cannot compile the described body");
            None
        }
    }
}

fn wrong_value(name: &str, value: &str, schema: &Value) -> Option<String> {
    let wrong = |kind: &str| Some(format!("query parameter `{name}` is not {kind}: `{value}`"));
    match schema.member("type").as_str() {
        Some("integer") if value.parse::<i64>().is_err() => return wrong("an integer"),
        Some("boolean") if value != "true" && value != "false" => return wrong("a boolean"),
        Some("array") => {
            let items = schema.member("items");
            return value.split(',').find_map(|item| wrong_value(name, item, items));
        }
        _ => {}
    }
    let allowed = schema.member("enum").as_array()?;
    if allowed.iter().any(|one| one == value) { None } else { wrong("one of the described values") }
}
