//! The form in which a mirror hands on its copies.
