//! The site, asked as its callers ask it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::disallowed_methods)]

mod cards;
mod connections;
mod demographics;
mod fhir_reading;
mod fhir_writing;
mod finding;
mod first_screen;
mod gate;
mod governed;
mod history;
mod hostile_content;
mod hostile_sign_in;
mod identity_feed;
mod idp;
mod launch;
mod long_record;
mod matching;
mod moved_visits;
mod own_objections;
mod pages;
mod pix;
mod plans;
mod requests;
mod sensitive_clinics;
mod site;
mod smart;
mod sockets;
mod sources_compared;
mod stewards;
mod subscriptions;
mod support;
mod teams;
mod telling;
mod visitor;
