//! A settings file, a `.env` file and the environment to settings. A line of NULs separates them.

#![no_main]
#![allow(dead_code, reason = "the program uses all of the module, this target a part")]

use std::collections::BTreeMap;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;

// An inline module, so that the module inside of it is looked for where the program has it.
#[path = "../../src"]
mod program {
    pub(crate) mod config;
}

use program::config::layers::SECRETS;
use program::config::{Sources, load};

/// Set as every secret; must not appear in what is said.
const CANARY: &str = "canary-5f1c0a8e7d3b4296-canary-5f1c0a8e7d3b4296";

static FOLDER: LazyLock<tempfile::TempDir> =
    LazyLock::new(|| tempfile::tempdir().expect("a folder for the files"));

fuzz_target!(|text: &str| {
    let mut parts = text.split('\0');
    let mut part = || parts.next().unwrap_or_default();
    let (file, dotenv, env) = (part(), part(), part());
    let path = FOLDER.path().join("jiralake.toml");
    std::fs::write(&path, file).expect("a file is written");
    std::fs::write(FOLDER.path().join(".env"), dotenv).expect("a file is written");
    let lines = env.lines().filter_map(|line| line.split_once('='));
    // A variable that names a file would let the input read any file, and say what is in it.
    let lines = lines.filter(|(name, _)| !name.ends_with("_FILE"));
    let mut env: BTreeMap<_, _> =
        lines.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    env.remove("JIRALAKE_CONFIG");
    for secret in SECRETS {
        let name = secret.replace(['.', '-'], "_").to_uppercase();
        env.insert(format!("JIRALAKE_{name}"), CANARY.to_owned());
    }
    let flags = file.lines().take(2).filter_map(|line| line.split_once('='));
    let flags = flags.map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
    if dotenv.contains("_FILE") {
        return;
    }
    let folder = FOLDER.path().to_owned();
    let said = match load(&Sources { file: Some(path), flags, env, folder }) {
        Err(error) => format!("{error:#}"),
        Ok(config) => {
            for key in config.layers.keys() {
                assert!(config.layers.origin(key).is_some(), "{key}");
            }
            let listing = config.layers.listing();
            let listing =
                listing.map(|(key, value, origin)| format!("{key} = {value} ({origin})\n"));
            listing.collect::<String>() + &format!("{:?}", config.settings)
        }
    };
    assert!(!said.contains(CANARY), "{said}");
    fuzz::assert_bounded(text.len(), said.len(), 16);
});
