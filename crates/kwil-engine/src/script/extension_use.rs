//! `USE` and `UNUSE`.

use std::collections::BTreeMap;
use std::sync::Arc;

use kwil_lang::analyze::NamespaceKind;
use kwil_lang::ast::{UnuseExtension, UseExtension};

use super::draft::{Draft, other};
use super::statement::alias_taken;
use super::{Script, namespace};
use crate::catalog::{ExtensionUse, Namespace};
use crate::extension::{self, ExtensionInstance};
use crate::{EngineError, Session};

type Ran<T, S> = Result<T, EngineError<<S as Session>::Fault>>;

/// What surrounds the life of an instance.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Hook {
    Use,
    Unuse,
}

impl<S: Session> Script<'_, '_, S> {
    /// Makes the namespace, then lets the instance fill it.
    pub(super) async fn use_extension(
        &mut self,
        draft: &mut Draft,
        used: &UseExtension,
    ) -> Ran<(), S> {
        let alias = used.namespace.as_str();
        namespace::check_name(alias, self.run.invocation.is_system)?;
        if let Some(found) = draft.catalog.namespace(alias) {
            if found.kind == NamespaceKind::Extension && used.if_not_exists {
                return Ok(());
            }
            return Err(alias_taken(alias).into());
        }
        let mut options = BTreeMap::new();
        for (name, expr) in &used.options {
            let value = self.with_parameters(expr).await?;
            if options.insert(name.name.clone(), value).is_some() {
                return Err(other(format!("option \"{name}\" is given twice")).into());
            }
        }
        *draft = Draft::of(self.catalog());
        let name = used.extension.as_str();
        let instance = self.run.extensions().instantiate(name, alias, &options)?;
        let methods = extension::catalog_methods(name, &*instance)?;
        let in_use = ExtensionUse { extension: name.into(), options, methods };
        let made = Namespace {
            extension: Some(Arc::new(in_use)),
            ..Namespace::new(NamespaceKind::Extension)
        };
        namespace::add(draft, alias, made);
        // The hook works in the namespace, so that has to be there first.
        self.apply(draft.clone()).await?;
        self.hook(alias, instance, Hook::Use).await?;
        *draft = Draft::of(self.catalog());
        Ok(())
    }

    /// Lets the instance clean up, then removes the namespace.
    pub(super) async fn unuse_extension(
        &mut self,
        draft: &mut Draft,
        unuse: &UnuseExtension,
    ) -> Ran<(), S> {
        let alias = unuse.namespace.as_str();
        let found = draft.catalog.namespace(alias);
        if found.is_none() && unuse.if_exists {
            return Ok(());
        }
        let Some(extension) = found.and_then(|found| found.extension.clone()) else {
            return Err(other(format!("no extension is used as \"{alias}\"")).into());
        };
        let instance =
            self.run.extensions().instantiate(&extension.extension, alias, &extension.options)?;
        self.hook(alias, instance, Hook::Unuse).await?;
        *draft = Draft::of(self.catalog());
        namespace::remove(draft, alias);
        Ok(())
    }

    async fn hook(
        &mut self,
        alias: &str,
        instance: Arc<dyn ExtensionInstance>,
        hook: Hook,
    ) -> Ran<(), S> {
        crate::extension::run_hook(self.run, alias, instance, hook).await
    }
}
