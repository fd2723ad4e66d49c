//! Random top-level statements.

use super::Random;
use crate::Span;
use crate::ast::{
    AlterTable, Alteration, Column, ColumnRule, CreateIndex, CreateNamespace, CreateRole,
    CreateTable, DropIndex, DropNamespace, DropRole, DropTable, ForeignKey, Grant, GrantBody,
    KeyAction, Privilege, Statement, StatementKind, TableConstraint, TableRule, UnuseExtension,
    UseExtension, UserRef,
};

const KEY_ACTIONS: &[KeyAction] = &[
    KeyAction::SetNull,
    KeyAction::SetDefault,
    KeyAction::Restrict,
    KeyAction::NoAction,
    KeyAction::Cascade,
];

impl Random {
    pub(super) fn statement(&mut self) -> Statement {
        let kind = self.statement_kind();
        let may_have_namespace = matches!(
            kind,
            StatementKind::Query(_)
                | StatementKind::CreateTable(_)
                | StatementKind::AlterTable(_)
                | StatementKind::CreateAction(_)
        );
        let namespace = if may_have_namespace { self.maybe(Self::ident) } else { None };
        Statement { namespace, kind, span: Span::default() }
    }

    fn statement_kind(&mut self) -> StatementKind {
        let guard = self.one_in(2);
        let name = self.ident();
        match self.below(18) {
            0..3 => StatementKind::Query(Box::new(self.query())),
            3..6 => StatementKind::CreateAction(Box::new(self.action())),
            6 => StatementKind::CreateTable(Box::new(self.table())),
            7 => StatementKind::AlterTable(Box::new(AlterTable {
                table: name,
                alterations: self.many(1, 3, Self::alteration),
            })),
            8 => StatementKind::DropTable(DropTable {
                if_exists: guard,
                tables: self.many(1, 2, Self::ident),
                cascade: self.one_in(2),
            }),
            9 => StatementKind::CreateIndex(CreateIndex {
                unique: self.one_in(2),
                if_not_exists: guard,
                name: if guard { Some(name) } else { self.maybe(Self::ident) },
                table: self.ident(),
                columns: self.many(1, 2, Self::ident),
            }),
            10 => StatementKind::DropIndex(DropIndex { if_exists: guard, name }),
            11 => StatementKind::DropAction { if_exists: guard, name },
            12 => StatementKind::CreateRole(CreateRole { if_not_exists: guard, name }),
            13 => StatementKind::DropRole(DropRole { if_exists: guard, name }),
            14 => {
                let grant = Grant { guarded: guard, body: self.grant() };
                if self.one_in(2) {
                    StatementKind::Grant(grant)
                } else {
                    StatementKind::Revoke(grant)
                }
            }
            15 => StatementKind::TransferOwnership(self.user()),
            16 => self.extension(),
            _ => match self.below(3) {
                0 => StatementKind::CreateNamespace(CreateNamespace { if_not_exists: guard, name }),
                1 => StatementKind::DropNamespace(DropNamespace { if_exists: guard, name }),
                _ => StatementKind::SetNamespace(name),
            },
        }
    }

    fn extension(&mut self) -> StatementKind {
        let namespace = self.ident();
        if self.one_in(3) {
            return StatementKind::Unuse(UnuseExtension { namespace, if_exists: self.one_in(2) });
        }
        StatementKind::Use(UseExtension {
            if_not_exists: self.one_in(2),
            extension: self.ident(),
            options: self.many(0, 2, |random| (random.ident(), random.expr(false, 2))),
            namespace,
        })
    }

    fn grant(&mut self) -> GrantBody {
        // Words that are privileges cannot name a role here.
        let roles: &[&str] = &["writers", "admin", "owner"];
        let role: &&str = self.choose(roles);
        let role = crate::ast::Ident::new(role);
        if self.one_in(2) {
            return GrantBody::Role { role, user: self.user() };
        }
        GrantBody::Privileges {
            privileges: self.many(1, 3, |random| *random.choose(&Privilege::ALL)),
            namespace: self.maybe(Self::ident),
            role,
        }
    }

    fn user(&mut self) -> UserRef {
        if self.one_in(2) {
            return UserRef::Name((*self.choose(&["bob", "0xAb", "o'neil"])).into());
        }
        UserRef::Expr(self.expr(false, 2))
    }

    fn table(&mut self) -> CreateTable {
        let names = self.distinct_idents(1, 4);
        let key = names.iter().take(1).cloned().collect();
        let rows = names
            .iter()
            .map(|name| Column {
                name: name.clone(),
                data_type: self.type_ref(),
                rules: self.many(0, 2, Self::column_rule),
            })
            .collect();
        let span = Span::default();
        let mut constraints =
            vec![TableConstraint { name: None, rule: TableRule::PrimaryKey(key), span }];
        for name in self.distinct_idents(0, 2) {
            let rule = match self.below(3) {
                0 => TableRule::Unique(names.clone()),
                1 => TableRule::Check(self.expr(true, 2)),
                _ => {
                    TableRule::ForeignKey { columns: names.clone(), references: self.foreign_key() }
                }
            };
            let name = if self.one_in(2) { Some(name) } else { None };
            constraints.push(TableConstraint { name, rule, span });
        }
        CreateTable {
            if_not_exists: self.one_in(2),
            name: self.ident(),
            columns: rows,
            constraints,
        }
    }

    fn column_rule(&mut self) -> ColumnRule {
        match self.below(5) {
            0 => ColumnRule::Unique,
            1 => ColumnRule::NotNull,
            2 => ColumnRule::Default(self.expr(false, 1)),
            3 => ColumnRule::Check(self.expr(true, 2)),
            _ => ColumnRule::References(self.foreign_key()),
        }
    }

    fn foreign_key(&mut self) -> ForeignKey {
        ForeignKey {
            namespace: self.maybe(Self::ident),
            table: self.ident(),
            columns: self.many(1, 2, Self::ident),
            on_update: self.maybe(|random| *random.choose(KEY_ACTIONS)),
            on_delete: self.maybe(|random| *random.choose(KEY_ACTIONS)),
        }
    }

    fn alteration(&mut self) -> Alteration {
        let (name, guard) = (self.ident(), self.one_in(2));
        match self.below(10) {
            0 => Alteration::SetNotNull(name),
            1 => Alteration::DropNotNull(name),
            2 => Alteration::SetDefault(name, self.expr(false, 1)),
            3 => Alteration::DropDefault(name),
            4 => Alteration::AddColumn { if_not_exists: guard, name, data_type: self.type_ref() },
            5 => Alteration::DropColumn { if_exists: guard, name },
            6 => Alteration::RenameColumn { from: name, to: self.ident() },
            7 => Alteration::RenameTable(name),
            8 => Alteration::AddConstraint(TableConstraint {
                name: self.maybe(Self::ident),
                rule: TableRule::Unique(self.many(1, 2, Self::ident)),
                span: Span::default(),
            }),
            _ => Alteration::DropConstraint { if_exists: guard, name },
        }
    }
}
