//! The simulator over real HTTP, as its callers meet it.
//!
//! The modules say `cfg(test)` so that the rules for tests hold for what the tests share, too.

#[cfg(test)]
mod desk;
#[cfg(test)]
mod receiver;
#[cfg(test)]
mod issues;
#[cfg(test)]
mod lists;
#[cfg(test)]
mod search;
#[cfg(test)]
mod callers;
#[cfg(test)]
mod attachments;
#[cfg(test)]
mod outages;
#[cfg(test)]
mod webhooks;
#[cfg(test)]
mod loading;
#[cfg(test)]
mod generated;
#[cfg(test)]
mod control;
#[cfg(test)]
#[cfg(feature = "openapi")]
mod description;
