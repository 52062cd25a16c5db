//! Recompiles the crate when a migration is added: `sqlx::migrate!` embeds the folder but only
//! notices changes of files that it knew.

fn main() {
    println!("cargo:rerun-if-changed=migrations");
}
