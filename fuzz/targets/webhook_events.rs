//! A webhook's body to its event.

#![no_main]

use jira::event::{Event, class_of};
use jira::id::{IssueId, Subject};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(|body: &[u8]| {
    let tree = serde_json::from_slice::<Value>(body).ok();
    let Ok(event) = Event::parse(body) else {
        assert!(!tree.is_some_and(|tree| tree.is_object()), "an object was refused");
        return;
    };
    if let Some(name) = &event.name {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b"_-:".contains(&b);
        assert!((1..=100).contains(&name.len()) && name.bytes().all(allowed), "{name:?}");
        assert!([name, "unknown"].contains(&class_of(name)));
    }
    assert!(event.subjects.len() <= 4);
    for (at, subject) in event.subjects.iter().enumerate() {
        assert!(!event.subjects[..at].contains(subject), "{subject} twice");
        assert_eq!(subject.to_string().parse::<Subject>().as_ref(), Ok(subject));
    }
    if event.deleted {
        assert!(event.name.is_some_and(|name| name.ends_with("issue_deleted")));
    }
    // A parser that builds the tree finds the same issue.
    let id = tree.as_ref().and_then(|tree| tree.pointer("/issue/id")?.as_str()?.parse().ok());
    if let Some(id) = id.map(|id: IssueId| Subject::Id(id)) {
        assert_eq!(event.subjects.first(), Some(&id));
    }
});
