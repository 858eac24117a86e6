//! The log on standard error.

/// Starts it. `filter` holds unless `RUST_LOG` says otherwise.
pub fn start(filter: &str) {
    let filter = env_logger::Env::default().default_filter_or(filter);
    env_logger::Builder::from_env(filter).init();
}
