use std::fs;

use secrecy::ExposeSecret;

use super::*;

fn sources(env: &[(&str, &str)]) -> Sources {
    let env = env.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
    Sources { env, ..Sources::default() }
}

fn refused(sources: &Sources) -> String {
    format!("{:#}", load(sources).expect_err("these settings must be refused"))
}

#[test]
fn the_defaults_are_complete() {
    let config = load(&sources(&[])).unwrap();
    assert_eq!(config.settings.webhook.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.layers.origin("webhook.listen"), Some(&Origin::Default));
}

#[test]
fn familiar_names_are_accepted_as_they_are() {
    let config = load(&sources(&[
        ("JIRA_DOMAIN", "acme.atlassian.net"),
        ("JIRA_PROJECT", "SUPPORT, OPS"),
        ("JIRA_DATA_DIR", "/srv/raw"),
    ]))
    .unwrap();
    assert_eq!(config.settings.jira.domain, "acme.atlassian.net");
    assert_eq!(config.settings.jira.projects, ["SUPPORT", "OPS"]);
    assert_eq!(config.settings.storage.raw_dir, PathBuf::from("/srv/raw"));
    assert_eq!(config.layers.origin("jira.domain"), Some(&Origin::Env("JIRA_DOMAIN".into())));
}

#[test]
fn later_layers_win() {
    let folder = tempfile::tempdir().unwrap();
    #[expect(clippy::disallowed_methods, reason = "a test's own input")]
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    write("jiralake.toml", "[webhook]\nin-flight = 1\nconnections = 1\n[jira]\nemail = \"file\"\n");
    write(".env", "JIRALAKE_WEBHOOK_IN_FLIGHT=2\nJIRA_EMAIL='dotenv'\n");
    let mut sources = sources(&[("JIRALAKE_WEBHOOK_IN_FLIGHT", "3")]);
    sources.folder = folder.path().into();
    let read = |sources: &Sources| load(sources).unwrap().settings;
    assert_eq!(read(&sources).webhook.in_flight, 3);
    assert_eq!(read(&sources).webhook.connections, 1);
    assert_eq!(read(&sources).jira.email, "dotenv");
    sources.flags.push(("webhook.in-flight".into(), "4".into()));
    assert_eq!(read(&sources).webhook.in_flight, 4);
}

#[test]
fn an_unknown_key_is_an_error_with_a_suggestion() {
    let mut flag = sources(&[]);
    flag.flags.push(("webhook.lisen".into(), "x".into()));
    assert_eq!(
        refused(&flag),
        "flag: there is no setting `webhook.lisen`; did you mean `webhook.listen`?"
    );
    let env = refused(&sources(&[("JIRALAKE_WEBHOOK_LISEN", "x")]));
    assert!(env.contains("JIRALAKE_WEBHOOK_LISTEN"), "{env}");
}

#[test]
fn a_value_of_the_wrong_kind_names_key_and_value() {
    let mut flag = sources(&[]);
    flag.flags.push(("webhook.in-flight".into(), "many".into()));
    assert_eq!(refused(&flag), "flag: `webhook.in-flight` must be a whole number, not `\"many\"`");
}

#[test]
fn a_secret_is_read_from_a_file_and_never_printed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secret");
    #[expect(clippy::disallowed_methods, reason = "a test's own input")]
    fs::write(&path, "hunter2\n").unwrap();
    let config = load(&sources(&[("JIRA_WEBHOOK_SECRET_FILE", path.to_str().unwrap())])).unwrap();
    assert_eq!(config.settings.webhook.secret.expose_secret(), "hunter2");
    let listing: String =
        config.layers.listing().map(|(key, value, _)| format!("{key}={value}\n")).collect();
    assert!(listing.contains("webhook.secret=(set)"), "{listing}");
    assert!(!listing.contains("hunter2") && !format!("{:?}", config.settings).contains("hunter2"));
}

#[test]
fn errors_in_files_never_repeat_a_secret() {
    let folder = tempfile::tempdir().unwrap();
    let mut sources = sources(&[]);
    sources.folder = folder.path().into();
    for (name, text) in [
        ("jiralake.toml", "[jira]\napi-token = \"hunter2\n"),
        ("jiralake.toml", "[jira]\napi-token = { a = \"hunter2\" }\n"),
        ("jiralake.toml", "[jira]\napi-token = [\"hunter2\"]\n"),
        (".env", "JIRA_API_TOKEN='hunter2\n"),
    ] {
        #[expect(clippy::disallowed_methods, reason = "a test's own input")]
        fs::write(folder.path().join(name), text).unwrap();
        let message = refused(&sources);
        assert!(!message.contains("hunter2"), "{message}");
        fs::remove_file(folder.path().join(name)).unwrap();
    }
}

#[test]
fn columns_are_open() {
    let mut flag = sources(&[("JIRALAKE_COLUMNS_CRM_ID", "customfield_1")]);
    flag.flags.push(("columns.severity".into(), "Severity (new)".into()));
    let columns = load(&flag).unwrap().settings.columns;
    assert_eq!(columns.get("crm_id").map(String::as_str), Some("customfield_1"));
    assert_eq!(columns.get("severity").map(String::as_str), Some("Severity (new)"));
}

/// Text that no output may contain.
const MARKER: &str = "hunter2";

/// Settings with which a start would go far, so that everything that checks a value is reached.
const ENOUGH: [(&str, &str); 4] = [
    ("JIRA_DOMAIN", "x.atlassian.net"),
    ("JIRA_EMAIL", "me@example.com"),
    ("JIRA_API_TOKEN", "a token"),
    ("JIRA_WEBHOOK_SECRET", "a secret that is long enough for anybody"),
];

/// Ways of a setting to hold a secret in a URL.
fn urls() -> [String; 9] {
    [
        format!("https://user:{MARKER}@example.com"),
        format!("https://{MARKER}@example.com"),
        format!("http://user:a/{MARKER}@example.com/x"),
        format!("https:/user:{MARKER}@example.com"),
        format!("https:\\\\user:{MARKER}@example.com"),
        format!("user:{MARKER}@127.0.0.1:8080"),
        format!("https://example.com?token={MARKER}"),
        format!("https://example.com/#{MARKER}"),
        format!("https://user:p?{MARKER}@example.com"),
    ]
}

#[test]
fn credentials_in_the_url_of_any_setting_are_in_no_listing_error_or_debug_output() {
    let layers = load(&sources(&[])).unwrap().layers;
    let keys: Vec<String> = layers.keys().map(str::to_owned).chain(["columns.x".into()]).collect();
    assert!(keys.len() > 50, "{keys:?}");
    let mut listed = 0;
    for (key, url) in keys.iter().flat_map(|key| urls().map(|url| (key, url))) {
        let mut given = sources(&ENOUGH);
        given.flags.push((key.clone(), url.clone()));
        let output = match load(&given) {
            Ok(config) => {
                listed += 1;
                let lines =
                    config.layers.listing().map(|(key, value, _)| format!("{key}={value}\n"));
                // A wrong project or date is found later, and told like this.
                let checked = crate::daemon::start::check(&config.settings);
                let told = checked.map_err(|error| format!("{error:#} {error:?}"));
                let urls = (&config.settings.jira.base_url, &config.settings.webhook.public_url);
                format!("{} {urls:?} {told:?}", lines.collect::<String>())
            }
            Err(error) => format!("{error:#} {error:?}"),
        };
        assert!(!output.contains(MARKER), "{key} = {url}: {output}");
    }
    assert!(listed > 50, "only {listed} were accepted");
}

#[test]
fn an_address_in_the_wrong_place_is_refused_by_its_key() {
    for key in ["jira.domain", "storage.raw-dir", "webhook.listen", "log.level", "jira.projects"] {
        let mut given = sources(&[]);
        given.flags.push((key.into(), format!("https://user:{MARKER}@example.com")));
        let told = refused(&given);
        assert!(told.contains(key) && told.contains("password"), "{told}");
    }
}

#[test]
fn an_address_keeps_its_credentials_for_use() {
    let url = format!("https://user:{MARKER}@proxy.example.com");
    let config = load(&sources(&[("JIRALAKE_WEBHOOK_PUBLIC_URL", &url)])).unwrap();
    assert_eq!(config.settings.webhook.public_url.expose(), url);
    let mut listing = config.layers.listing();
    let (_, shown, _) = listing.find(|(key, ..)| *key == "webhook.public-url").unwrap();
    assert_eq!(shown, "\"https://…@proxy.example.com\"");
}
