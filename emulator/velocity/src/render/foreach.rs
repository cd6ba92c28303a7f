//! `#foreach`

use std::rc::Rc;

use super::{Interrupt, Renderer, Rendering};
use crate::tree::{Expression, Node};
use crate::value::{Kind, List, Loop, Value};

impl<'t> Renderer<'t, '_> {
    pub(super) fn foreach(
        &mut self,
        item: &'t str,
        items: &'t Expression,
        body: &'t [Node],
    ) -> Rendering<()> {
        let list = match self.value(items)? {
            Value::List(list) => list,
            Value::Map(map) => {
                let values: Vec<Value> = map.members.borrow().values().cloned().collect();
                self.budget.items(values.len())?;
                Rc::new(List { kind: Kind::Collection, items: values.into() })
            }
            _ => return Ok(()),
        };
        let names = [item, "foreach", "velocityCount", "velocityHasNext"];
        let before = names.map(|name| self.variables.get(name).cloned());
        let parent = self.position.take();
        let position = Rc::new(Loop { parent: parent.clone(), ..Loop::default() });
        self.position = Some(position.clone());
        self.assign("foreach", Value::Loop(position.clone()));
        let result = self.iterations(item, &list, &position, body);
        self.position = parent;
        for (name, value) in names.into_iter().zip(before) {
            match value {
                Some(value) => self.assign(name, value),
                None => drop(self.variables.remove(name)),
            }
        }
        match result {
            Err(Interrupt::Break) => Ok(()),
            result => result,
        }
    }

    fn iterations(
        &mut self,
        item: &'t str,
        list: &List,
        position: &Loop,
        body: &'t [Node],
    ) -> Rendering<()> {
        let count = list.items.borrow().len();
        for at in 0..count.min(self.iterations_max) {
            self.budget.spend(1)?;
            let value = list.items.borrow().get(at).cloned();
            let has_next = at + 1 < count;
            position.index.set(at);
            position.has_next.set(has_next);
            self.assign(item, value.unwrap_or(Value::Null));
            self.assign("velocityCount", Value::count(at + 1));
            self.assign("velocityHasNext", Value::Bool(has_next));
            self.nodes(body)?;
        }
        Ok(())
    }
}
