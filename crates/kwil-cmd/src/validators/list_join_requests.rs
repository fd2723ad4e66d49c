//! `validators list-join-requests`.

use kwil_api::admin::{JoinRequest, JoinRequests};

use crate::context::Context;
use crate::error::CliError;
use crate::node_id::of;
use crate::remote::RpcArgs;
use crate::table::{ListFormat, Table, TableArgs, columns};
use crate::times::utc_seconds;

/// List the nodes that asked to join, and how many approved.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  {program} validators list-join-requests")]
pub struct ListJoinRequests {
    /// lines or table
    #[arg(long, value_enum, default_value_t = ListFormat::Lines, value_name = "FORMAT")]
    format: ListFormat,
    #[command(flatten)]
    table: TableArgs,
}

impl ListJoinRequests {
    /// Asks the node and prints.
    ///
    /// # Errors
    /// What the node or the way to it says.
    pub fn run(self, rpc: &RpcArgs, context: &mut Context) -> Result<(), CliError> {
        let answer = rpc.ask(context, async |node| node.join_requests().await)?;
        context.output.emit(&answer.join_requests, || match self.format.or_table(self.table) {
            ListFormat::Lines => lines(&answer),
            ListFormat::Table => table(&answer.join_requests).render(self.table),
        })
    }
}

const HEADERS: [&str; 4] = ["Candidate", "Power", "Approvals", "Expiration"];

fn cells(request: &JoinRequest) -> [String; 4] {
    let approvals = request.approved.iter().filter(|approved| **approved).count();
    [
        of(&request.candidate),
        request.power.to_string(),
        approvals.to_string(),
        utc_seconds(request.expires_at),
    ]
}

fn table(requests: &[JoinRequest]) -> Table {
    let mut table = Table::new(HEADERS);
    for request in requests {
        table.row(cells(request));
    }
    table
}

/// How many must approve: validators while each has one vote, else voting power.
fn needed(answer: &JoinRequests) -> String {
    let validators = answer.join_requests.first().map_or(0, |request| request.board.len());
    let equal = i64::try_from(validators) == Ok(answer.total_power);
    match (equal || answer.total_power == 0, answer.needed) {
        (true, 1) => "1 approval needed".to_owned(),
        (true, needed) => format!("{needed} approvals needed"),
        (false, needed) => format!("{needed} of {} voting power needed", answer.total_power),
    }
}

fn lines(answer: &JoinRequests) -> String {
    if answer.join_requests.is_empty() {
        return "No pending join requests".to_owned();
    }
    let rows: Vec<[String; 4]> = answer.join_requests.iter().map(cells).collect();
    let width = |column: usize| {
        let texts = rows.iter().filter_map(|row| row.get(column)).map(String::as_str);
        texts.chain(HEADERS.get(column).copied()).map(columns).max().unwrap_or(0)
    };
    let [first, second, third, last] = [width(0), width(1), width(2), columns("Expiration")];
    let line = |[a, b, c, d]: [&str; 4]| format!(" {a:<first$} | {b:>second$} | {c:>third$} | {d}");
    let dashes = |width: usize| "-".repeat(width + 2);
    let rule = [dashes(first), dashes(second), dashes(third), dashes(last)].join("+");
    let mut out = vec![format!("Pending join requests ({}):", needed(answer)), line(HEADERS), rule];
    out.extend(rows.iter().map(|[a, b, c, d]| line([a, b, c, d])));
    out.join("\n")
}

#[cfg(test)]
mod tests {
    use kwil_api::AccountId;

    use super::*;

    fn account(first: u8) -> AccountId {
        AccountId {
            identifier: [vec![first], vec![0xab; 32]].concat(),
            key_type: "secp256k1".to_owned(),
        }
    }

    fn request(power: i64, approved: Vec<bool>) -> JoinRequest {
        JoinRequest {
            candidate: account(3),
            power,
            expires_at: 1_738_430_489_999,
            board: approved.iter().map(|_| account(2)).collect(),
            approved,
            needed: 2,
        }
    }

    #[test]
    fn the_table_of_the_guide() {
        let requests = vec![request(1, vec![false, false])];
        let answer = JoinRequests { join_requests: requests, needed: 2, total_power: 2 };
        insta::assert_snapshot!(lines(&answer), @r"
        Pending join requests (2 approvals needed):
         Candidate                                                                    | Power | Approvals | Expiration
        ------------------------------------------------------------------------------+-------+-----------+------------
         03abababababababababababababababababababababababababababababababab#secp256k1 |     1 |         0 | 2025-02-01T17:21:29Z
        ");
    }

    #[test]
    fn one_approval_is_singular_and_unequal_powers_are_counted_as_power() {
        let one =
            JoinRequests { join_requests: vec![request(1, vec![true])], needed: 1, total_power: 1 };
        assert_eq!(needed(&one), "1 approval needed");
        let weighted = JoinRequests {
            join_requests: vec![request(1, vec![true, false])],
            needed: 7,
            total_power: 10,
        };
        assert_eq!(needed(&weighted), "7 of 10 voting power needed");
    }

    #[test]
    fn wide_numbers_widen_their_column_and_none_is_said() {
        let answer = JoinRequests {
            join_requests: vec![request(1_000_000, vec![true])],
            needed: 1,
            total_power: 1,
        };
        assert!(lines(&answer).contains(" | 1000000 |         1 | "));
        assert_eq!(lines(&JoinRequests::default()), "No pending join requests");
    }
}
