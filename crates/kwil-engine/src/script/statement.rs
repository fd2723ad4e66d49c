//! One statement of a script, with its checks in order: the namespace exists, it may be changed, the caller may do it, the
//! session may write; then the objects, then the database.

use std::collections::BTreeMap;

use kwil_lang::analyze::{ParameterSource, VariableType, check_mutable, required_privilege};
use kwil_lang::ast::{
    Expr, Grant, GrantBody, Ident, Privilege, Query, Statement, StatementKind, UserRef,
};
use kwil_lang::{ErrorClass, LineColumn};
use kwil_types::{Scalar, Value};

use super::draft::{Checked, Draft, no_namespace, other};
use super::role::{MemberChange, PrivilegeChange};
use super::rows::read_only;
use super::{Authority, Script, action, alter, index, namespace, role, table};
use crate::catalog::{Catalog, INFO};
use crate::interpret::RowSink;
use crate::{Access, EngineError, Failure, FailureClass, Origin, Session};

type Ran<T, S> = Result<T, EngineError<<S as Session>::Fault>>;

impl<S: Session> Script<'_, '_, S> {
    /// Checks and runs a statement.
    pub(super) async fn statement(&mut self, statement: &Statement) -> Ran<(), S> {
        self.run.step()?;
        let at =
            statement.namespace.as_ref().map_or(&self.namespace, |prefix| &prefix.name).clone();
        if self.catalog().namespace(&at).is_none() {
            return Err(no_namespace(&at).into());
        }
        self.check_rights(&at, &statement.kind)?;
        match &statement.kind {
            StatementKind::Query(query) => return self.query(&at, query).await,
            StatementKind::SetNamespace(name) => return Ok(self.set_namespace(name)?),
            _ if self.run.session.access() == Access::Read => {
                let text = statement.span.text(self.source);
                return Err(read_only(text).into());
            }
            _ => {}
        }
        let mut draft = Draft::of(self.catalog());
        self.change(&mut draft, &at, statement).await?;
        if draft.ddl.is_empty() && draft.catalog.is_same(self.catalog()) {
            return Ok(());
        }
        self.apply(draft).await
    }

    /// An error of a statement with the place of what is wrong; without one in what an extension wrote.
    pub(super) fn located(
        &self,
        error: EngineError<S::Fault>,
        statement: &Statement,
    ) -> EngineError<S::Fault> {
        self.run.located(error, |failure| {
            let origin = match self.authority {
                Authority::Extension => Origin::default(),
                Authority::Caller => {
                    let span = failure.span().unwrap_or(statement.span);
                    let position = Some(LineColumn::of(self.source, span.range().start));
                    let prefix = statement.namespace.as_ref().map(|prefix| &prefix.name);
                    let namespace = Some(prefix.unwrap_or(&self.namespace).clone());
                    Origin { position, namespace, ..Origin::default() }
                }
            };
            failure.set_origin(origin);
        })
    }

    /// Makes a change. What waits in the session comes first: its failure is not that of the change.
    pub(super) async fn apply(&mut self, draft: Draft) -> Ran<(), S> {
        self.run.flush().await?;
        Ok(self.run.session.change(draft.finish()).await?)
    }

    pub(super) fn catalog(&self) -> &std::sync::Arc<Catalog> {
        self.run.session.catalog()
    }

    /// Whether the namespace may be changed, and the caller may do that.
    fn check_rights(&self, namespace: &str, kind: &StatementKind) -> Checked<()> {
        let is_inside = is_inside_namespace(kind);
        match self.authority {
            Authority::Extension if is_inside && namespace != &*self.namespace => {
                let detail =
                    format!("an extension may change its own namespace only, not \"{namespace}\"");
                return Err(Failure::new(ErrorClass::CannotMutateExtension, detail));
            }
            Authority::Extension if is_inside || matches!(kind, StatementKind::Query(_)) => {
                return Ok(());
            }
            Authority::Extension => {
                let detail = "an extension may run statements on tables, rows and actions only";
                return Err(Failure::new(ErrorClass::CannotMutateExtension, detail));
            }
            Authority::Caller => {}
        }
        let is_system = self.run.invocation.is_system;
        if is_inside && (!is_system || namespace == INFO) {
            check_mutable(&**self.catalog(), namespace)
                .map_err(|class| Failure::new(class, format!("namespace \"{namespace}\"")))?;
        }
        self.check_privilege(required_privilege(kind), namespace)
    }

    fn check_privilege(&self, privilege: Privilege, namespace: &str) -> Checked<()> {
        let invocation = self.run.invocation;
        if self.authority == Authority::Extension
            || invocation.is_system
            || self.catalog().roles.allows(&invocation.caller, privilege, namespace)
        {
            return Ok(());
        }
        // The text of the class goes on here, without a colon.
        let message =
            format!("user does not have privilege {privilege} on namespace \"{namespace}\"");
        Err(Failure::with_message(FailureClass::Lang(ErrorClass::NoPrivilege), message))
    }

    fn set_namespace(&mut self, name: &Ident) -> Checked<()> {
        if self.catalog().namespace(name.as_str()).is_none() {
            return Err(no_namespace(name.as_str()));
        }
        self.namespace = name.name.clone();
        Ok(())
    }

    /// Runs a statement on rows.
    async fn query(&mut self, namespace: &str, query: &Query) -> Ran<(), S> {
        if query.writes() && self.run.session.access() == Access::Read {
            let text = query.span.text(self.source);
            return Err(read_only(format_args!(
                "SQL statement mutates state, but the execution context is read-only: {text}"
            ))
            .into());
        }
        let text = query.span.text(self.source);
        let planned = self.run.prepare_ad_hoc(namespace, (text, query), &self.variable_types())?;
        for (privilege, at) in &planned.privileges {
            self.check_privilege(*privilege, at)?;
        }
        let mut arguments = Vec::with_capacity(planned.parameters.len());
        for source in &planned.parameters {
            arguments.push(self.variable(source)?);
        }
        if planned.writes || !self.out.is_wanted() {
            return self.run.execute(&planned.prepared, &arguments).await;
        }
        let rows = self.run.query(&planned.prepared, &arguments, self.out.room()).await?;
        self.out.columns(&planned.prepared.columns);
        for row in rows {
            self.out.row(row)?;
        }
        Ok(())
    }

    fn variable_types(&self) -> BTreeMap<Box<str>, VariableType> {
        let types = self
            .variables
            .iter()
            .map(|(name, value)| (name.clone(), VariableType::Value(value.data_type())));
        types.collect()
    }

    fn variable(&self, source: &ParameterSource) -> Checked<Value> {
        match source {
            ParameterSource::Variable(name) => self.lookup(name, &self.variables),
            ParameterSource::Field { variable, field } => {
                let detail = format!("{variable}.{field}");
                Err(Failure::new(ErrorClass::UnknownVariable, detail))
            }
        }
    }

    /// Everything that changes what exists. Expressions come first: the methods they may call can make tables.
    async fn change(&mut self, draft: &mut Draft, at: &str, statement: &Statement) -> Ran<(), S> {
        match &statement.kind {
            StatementKind::CreateTable(create) => {
                if table::is_there(&draft.catalog, at, create)? {
                    return Ok(());
                }
                let defaults = self.constants(table::default_exprs(create)).await?;
                *draft = Draft::of(self.catalog());
                table::create_table(draft, at, create, defaults)?;
            }
            StatementKind::AlterTable(alter) => {
                alter::check_table(draft, at, &alter.table)?;
                let defaults = self.constants(alter::default_exprs(alter)).await?;
                *draft = Draft::of(self.catalog());
                alter::alter_table(draft, at, alter, defaults)?;
            }
            StatementKind::DropTable(drop) => table::drop_tables(draft, at, drop)?,
            StatementKind::CreateIndex(create) => index::create_index(draft, at, create)?,
            StatementKind::DropIndex(drop) => index::drop_index(draft, at, drop)?,
            StatementKind::CreateAction(create) => {
                action::create_action(draft, at, create, (self.source, statement.span))?;
            }
            StatementKind::DropAction { if_exists, name } => {
                action::drop_action(draft, at, *if_exists, name)?;
            }
            StatementKind::CreateRole(create) => role::create_role(draft, create)?,
            StatementKind::DropRole(drop) => role::drop_role(draft, drop)?,
            StatementKind::Grant(grant) => self.grant(draft, grant, true).await?,
            StatementKind::Revoke(revoke) => self.grant(draft, revoke, false).await?,
            StatementKind::TransferOwnership(user) => self.transfer(draft, user).await?,
            StatementKind::Use(used) => self.use_extension(draft, used).await?,
            StatementKind::Unuse(unuse) => self.unuse_extension(draft, unuse).await?,
            StatementKind::CreateNamespace(create) => {
                namespace::create_namespace(draft, create, self.run.invocation.is_system)?;
            }
            StatementKind::DropNamespace(drop) => namespace::drop_namespace(draft, drop)?,
            // These change nothing that exists and ran before.
            StatementKind::Query(_) | StatementKind::SetNamespace(_) => {}
        }
        Ok(())
    }

    async fn grant(&mut self, draft: &mut Draft, grant: &Grant, gives: bool) -> Ran<(), S> {
        let guarded = grant.guarded;
        match &grant.body {
            GrantBody::Privileges { privileges, namespace, role } => {
                let namespace = namespace.as_ref();
                let change = PrivilegeChange { privileges, namespace, role, guarded, gives };
                role::change_privileges(draft, &change)?;
            }
            GrantBody::Role { role, user } => {
                let change = MemberChange { role, guarded, gives };
                role::check_member_role(draft, &change)?;
                let user = self.user(user).await?;
                *draft = Draft::of(self.catalog());
                role::change_member(draft, &change, &user)?;
            }
        }
        Ok(())
    }

    async fn transfer(&mut self, draft: &mut Draft, user: &UserRef) -> Ran<(), S> {
        let invocation = self.run.invocation;
        if !invocation.is_system && !draft.catalog.roles.is_owner(&invocation.caller) {
            let detail = "only the owner can transfer ownership";
            return Err(EngineError::failed(ErrorClass::NoPrivilege, detail));
        }
        let user = self.user(user).await?;
        *draft = Draft::of(self.catalog());
        role::transfer_ownership(draft, &user)?;
        Ok(())
    }

    /// The user that a statement names.
    async fn user(&mut self, user: &UserRef) -> Ran<Box<str>, S> {
        let expr = match user {
            UserRef::Name(name) => return Ok(name.clone()),
            UserRef::Expr(expr) => expr,
        };
        match self.with_parameters(expr).await? {
            Value::Scalar(Scalar::Text(name)) => Ok(name.into()),
            Value::Null(_) => {
                Err(EngineError::failed(ErrorClass::InvalidNull, "a user has a name"))
            }
            value @ (Value::Scalar(_) | Value::Array(_)) => {
                let detail = format!("a user is a text, not {}", value.data_type());
                Err(EngineError::failed(ErrorClass::Type, detail))
            }
        }
    }

    /// Values of expressions without variables.
    async fn constants(&mut self, exprs: impl Iterator<Item = &Expr> + Send) -> Ran<Vec<Value>, S> {
        let mut values = Vec::new();
        for expr in exprs {
            values.push(self.value(expr, &BTreeMap::new()).await?);
        }
        Ok(values)
    }

    /// The value of an expression with the parameters of the script.
    pub(super) async fn with_parameters(&mut self, expr: &Expr) -> Ran<Value, S> {
        let variables = std::mem::take(&mut self.variables);
        let value = self.value(expr, &variables).await;
        self.variables = variables;
        value
    }
}

/// Whether a statement changes tables, rows or actions of a namespace, so that the namespace must allow it.
fn is_inside_namespace(kind: &StatementKind) -> bool {
    match kind {
        StatementKind::Query(query) => query.writes(),
        StatementKind::CreateTable(_)
        | StatementKind::AlterTable(_)
        | StatementKind::DropTable(_)
        | StatementKind::CreateIndex(_)
        | StatementKind::DropIndex(_)
        | StatementKind::CreateAction(_)
        | StatementKind::DropAction { .. } => true,
        StatementKind::CreateRole(_)
        | StatementKind::DropRole(_)
        | StatementKind::Grant(_)
        | StatementKind::Revoke(_)
        | StatementKind::TransferOwnership(_)
        | StatementKind::Use(_)
        | StatementKind::Unuse(_)
        | StatementKind::CreateNamespace(_)
        | StatementKind::DropNamespace(_)
        | StatementKind::SetNamespace(_) => false,
    }
}

/// Fails for names that already belong to something else.
pub(super) fn alias_taken(name: &str) -> Failure {
    other(format!("namespace \"{name}\" already exists"))
}
