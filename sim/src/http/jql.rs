//! The part of JQL that a copying client needs: restrictions joined by AND and OR, and ORDER BY.
//!
//! Dates are read in the caller's zone, to the minute. What is not understood is refused with
//! Jira's words.

mod words;
mod clause;

pub(crate) use clause::{Direction, Order, Query, Row, Setting, parse};
