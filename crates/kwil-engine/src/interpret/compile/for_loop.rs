//! Loops.

use kwil_lang::ErrorClass;
use kwil_lang::ast::{Block, LoopSource, Variable};

use super::{Compiler, Loop};
use crate::interpret::program::{Op, Want};

impl Compiler {
    /// `FOR`: the state of the loop and its variable are slots of a scope around the body.
    pub(super) fn for_loop(&mut self, variable: &Variable, source: &LoopSource, body: &Block) {
        let scope = self.enter();
        let slot = self.slot();
        match source {
            LoopSource::Range(first, last) => {
                self.expr(first);
                self.expr(last);
                self.push(Op::RangeLoop(slot));
            }
            LoopSource::Array(array) => {
                self.expr(array);
                self.push(Op::ArrayLoop(slot));
            }
            LoopSource::Query(query) => {
                let site = self.site(query);
                self.push(Op::QueryLoop { site, slot });
            }
            LoopSource::Call(call) => self.call(call, Want::Loop(slot)),
            LoopSource::Other(_) => {
                let detail = "must use IN ARRAY to loop over an array";
                self.fail(ErrorClass::Loop, detail);
            }
        }
        if self.may_set(variable) {
            let variable = self.declare(variable);
            let next = self.push(Op::Next { slot, variable, exit: 0 });
            self.loops.push(Loop { next, breaks: Vec::new() });
            self.steps(body);
            self.push(Op::Jump(next));
            self.land(next);
            let breaks = self.loops.pop().map(|done| done.breaks).unwrap_or_default();
            for jump in breaks {
                self.land(jump);
            }
            self.push(Op::EndLoop(slot));
        }
        self.leave(&scope);
    }
}
