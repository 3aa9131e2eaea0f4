//! Every address with who may ask for it: there is no way to add one without saying so ([`Routes`]).

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::handler::Handler;
use axum::http::Method;
use axum::routing::{MethodRouter, delete, get, post};

use crate::Site;

/// What one must be to ask for an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// Nobody in particular: what leads in, and what it looks like.
    Nothing,
    /// Logged in, or on the machine itself where there are no logins.
    Look,
    /// Logged in as a person, to change what is his own.
    Own,
    /// An operator, or an admin; of which team, the store decides by the finding.
    Act,
    /// The same, who brings a file: its handler reads the body as it comes, and looks for the form's mark.
    Bring,
    /// An admin.
    Rule,
}

/// Addresses, and their rules.
#[derive(Default)]
pub struct Routes {
    router: Router<Arc<Site>>,
    rules: Rules,
}

/// By method and path.
pub type Rules = BTreeMap<(String, String), Need>;

impl Routes {
    /// An address that is read.
    pub fn get<T: 'static>(self, path: &str, need: Need, handler: impl Handler<T, Arc<Site>>) -> Self {
        self.with(Method::GET, path, need, get(handler))
    }

    /// An address that changes something.
    pub fn post<T: 'static>(self, path: &str, need: Need, handler: impl Handler<T, Arc<Site>>) -> Self {
        self.with(Method::POST, path, need, post(handler))
    }

    /// An address that a file is brought to, as long as its handler takes it.
    pub fn bring<T: 'static>(self, path: &str, handler: impl Handler<T, Arc<Site>>) -> Self {
        self.with(Method::POST, path, Need::Bring, post(handler).layer(DefaultBodyLimit::disable()))
    }

    /// An address that takes something away.
    pub fn delete<T: 'static>(self, path: &str, need: Need, handler: impl Handler<T, Arc<Site>>) -> Self {
        self.with(Method::DELETE, path, need, delete(handler))
    }

    fn with(mut self, method: Method, path: &str, need: Need, answer: MethodRouter<Arc<Site>>) -> Self {
        self.rules.insert((method.to_string(), path.to_owned()), need);
        self.router = self.router.route(path, answer);
        self
    }

    /// Changes what answers, and no address.
    pub fn map(mut self, change: impl FnOnce(Router<Arc<Site>>) -> Router<Arc<Site>>) -> Self {
        self.router = change(self.router);
        self
    }

    /// Puts others below a path.
    pub fn below(mut self, path: &str, others: Self) -> Self {
        let rules = others.rules.into_iter();
        self.rules.extend(rules.map(|((method, own), need)| ((method, format!("{path}{own}")), need)));
        self.router = self.router.nest(path, others.router);
        self
    }

    /// The router, and the rules of all it knows.
    pub fn split(self) -> (Router<Arc<Site>>, Rules) {
        (self.router, self.rules)
    }
}
