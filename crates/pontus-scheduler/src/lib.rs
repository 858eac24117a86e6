//! A room that is not furnished yet.
