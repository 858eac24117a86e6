//! Closed lists: enums that know all of their variants, and what each is called.

/// An enum with a list of its variants that cannot miss one, each with its words.
macro_rules! closed {
    ($(#[$about:meta])* $name:ident { $($variant:ident = $words:literal,)* }) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum $name {
            $(#[doc = $words] $variant,)*
        }

        impl $name {
            /// Each of them.
            pub const ALL: &[$name] = &[$($name::$variant),*];

            /// What it is.
            pub fn words(self) -> &'static str {
                match self {
                    $($name::$variant => $words,)*
                }
            }
        }
    };
}

pub(crate) use closed;
