//! One declaration per key: the `section!` macro makes the struct, its defaults, its documentation and the table that
//! the file reader, the flags, the variables and the writer walk.

use crate::setting::Setting;

/// What is known about a key beside its value.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Declared {
    /// Name inside the section.
    pub(crate) name: &'static str,
    /// Lines of the comment in the written file.
    pub(crate) docs: &'static [&'static str],
    /// Written commented out while it has its default.
    pub(crate) optional: bool,
}

/// A group of keys that the file keeps under one heading.
pub(crate) trait Section {
    /// Heading in the file, empty for the keys above the first heading.
    fn path(&self) -> &'static str;
    /// Lines of the comment above the heading.
    fn title(&self) -> &'static [&'static str];
    /// The keys in the order of the file.
    fn declared(&self) -> &'static [Declared];
    /// A value by the key's name inside the section.
    fn setting(&self, name: &str) -> Option<&dyn Setting>;
    /// The same, to change it.
    fn setting_mut(&mut self, name: &str) -> Option<&mut dyn Setting>;
}

/// Declares a section. `[optional]` before a field: written commented out while unset. `nested` names sections that
/// live inside this struct.
macro_rules! section {
    (@optional optional) => { true };
    (@optional) => { false };
    (
        $(#[doc = $title:literal])+
        $path:literal => $name:ident {
            $(
                $(#[doc = $doc:literal])+
                $([$mark:ident])?
                $field:ident: $kind:ty = $default:expr,
            )*
        }
        $(nested {
            $(
                $(#[doc = $child_doc:literal])+
                $child:ident: $child_kind:ty,
            )*
        })?
    ) => {
        $(#[doc = $title])+
        #[derive(Clone, Debug, PartialEq)]
        pub struct $name {
            $(
                $(#[doc = $doc])+
                pub $field: $kind,
            )*
            $($(
                $(#[doc = $child_doc])+
                pub $child: $child_kind,
            )*)?
        }

        impl Default for $name {
            fn default() -> Self {
                Self {
                    $($field: $default,)*
                    $($($child: <$child_kind>::default(),)*)?
                }
            }
        }

        impl $crate::section::Section for $name {
            fn path(&self) -> &'static str {
                $path
            }

            fn title(&self) -> &'static [&'static str] {
                &[$($title),+]
            }

            fn declared(&self) -> &'static [$crate::section::Declared] {
                &[$($crate::section::Declared {
                    name: stringify!($field),
                    docs: &[$($doc),+],
                    optional: $crate::section::section!(@optional $($mark)?),
                }),*]
            }

            fn setting(&self, name: &str) -> Option<&dyn $crate::setting::Setting> {
                $(if name == stringify!($field) {
                    return Some(&self.$field);
                })*
                let _ = name;
                None
            }

            fn setting_mut(&mut self, name: &str) -> Option<&mut dyn $crate::setting::Setting> {
                $(if name == stringify!($field) {
                    return Some(&mut self.$field);
                })*
                let _ = name;
                None
            }
        }
    };
}
pub(crate) use section;
