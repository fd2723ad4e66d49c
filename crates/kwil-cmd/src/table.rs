//! Tables with borders left and right, as results and lists are shown.

/// How a table is laid out.
#[derive(Clone, Copy, Debug, Default, clap::Args)]
pub struct TableArgs {
    /// Wrap cells at so many columns; 0 is 30
    #[arg(short = 'w', long, default_value_t = 0, value_name = "N")]
    pub width: usize,
    /// Draw a line after every row
    #[arg(long)]
    pub row_border: bool,
    /// Cut cells after so many characters; 0 cuts nothing
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub max_row_width: usize,
}

impl TableArgs {
    /// True when a flag asks for a layout, which asks for a table too.
    #[must_use]
    pub const fn given(&self) -> bool {
        self.width != 0 || self.row_border || self.max_row_width != 0
    }
}

/// How a list is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum ListFormat {
    /// The lines of the guide.
    Lines,
    /// A table with borders.
    Table,
}

impl ListFormat {
    /// A layout flag asks for a table too.
    #[must_use]
    pub const fn or_table(self, args: TableArgs) -> Self {
        if args.given() { Self::Table } else { self }
    }
}

/// Rows of text under headers.
#[derive(Clone, Debug, Default)]
pub struct Table {
    headers: Vec<String>,
    rows: Vec<Vec<String>>,
}

/// Text longer than this wraps at its blanks.
const WRAP: usize = 30;

impl Table {
    /// An empty table.
    #[must_use]
    pub fn new<T: Into<String>>(headers: impl IntoIterator<Item = T>) -> Self {
        Self { headers: headers.into_iter().map(Into::into).collect(), rows: Vec::new() }
    }

    /// Adds a row; missing cells are empty.
    pub fn row<T: Into<String>>(&mut self, cells: impl IntoIterator<Item = T>) {
        self.rows.push(cells.into_iter().map(Into::into).collect());
    }

    /// The table as text without a final newline.
    #[must_use]
    pub fn render(&self, args: TableArgs) -> String {
        if self.rows.is_empty() {
            return "No data to display.".to_owned();
        }
        let wrap_at = if args.width == 0 { WRAP } else { args.width };
        let rows: Vec<Vec<Vec<String>>> = self
            .rows
            .iter()
            .map(|row| {
                row.iter().map(|cell| wrap(&cut(cell, args.max_row_width), wrap_at)).collect()
            })
            .collect();
        let widths = self.widths(&rows);
        let rule = format!(
            "+{}",
            widths.iter().map(|width| format!("{}+", "-".repeat(width + 2))).collect::<String>()
        );
        let mut lines = vec![header_line(&self.headers, &widths), rule.clone()];
        for row in &rows {
            lines.extend(row_lines(row, &widths));
            if args.row_border {
                lines.push(rule.clone());
            }
        }
        lines.join("\n")
    }

    fn widths(&self, rows: &[Vec<Vec<String>>]) -> Vec<usize> {
        self.headers
            .iter()
            .enumerate()
            .map(|(column, header)| {
                let cells = rows
                    .iter()
                    .filter_map(|row| row.get(column))
                    .flatten()
                    .map(|line| columns(line));
                cells.max().unwrap_or(0).max(columns(header))
            })
            .collect()
    }
}

/// Columns that a text takes on a terminal; wide characters of East Asian scripts and emoji take two.
pub(crate) fn columns(text: &str) -> usize {
    text.chars()
        .map(|c| match u32::from(c) {
            0x300..=0x36f | 0x200b..=0x200f | 0xfe00..=0xfe0f => 0,
            0x1100..=0x115f | 0x2e80..=0xa4cf | 0xac00..=0xd7a3 | 0xf900..=0xfaff => 2,
            0xfe30..=0xfe6f
            | 0xff00..=0xff60
            | 0xffe0..=0xffe6
            | 0x1f300..=0x1faff
            | 0x20000..=0x3fffd => 2,
            _ => 1,
        })
        .sum()
}

fn cut(text: &str, limit: usize) -> String {
    if limit == 0 || text.chars().count() <= limit {
        return text.to_owned();
    }
    text.chars().take(limit).chain("...".chars()).collect()
}

/// Lines of a cell: its own line breaks, and breaks at blanks where it is too long.
fn wrap(text: &str, limit: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for line in text.split('\n') {
        if columns(line) <= limit {
            lines.push(line.to_owned());
            continue;
        }
        let mut current = String::new();
        for word in line.split(' ') {
            if !current.is_empty() && columns(&current) + 1 + columns(word) > limit {
                lines.push(std::mem::take(&mut current));
            }
            if !current.is_empty() {
                current.push(' ');
            }
            current.push_str(word);
        }
        lines.push(current);
    }
    lines
}

/// `-?(\d{1,3}(,\d{3})*|\d+)(\.\d+)?%?`: right-aligned.
fn is_number(text: &str) -> bool {
    let text = text.strip_suffix('%').unwrap_or(text);
    let text = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) =
        text.split_once('.').map_or((text, None), |(whole, fraction)| (whole, Some(fraction)));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let mut groups = whole.split(',');
    let first = groups.next().unwrap_or("");
    let grouped =
        digits(first) && first.len() <= 3 && groups.all(|group| digits(group) && group.len() == 3);
    (digits(whole) || grouped) && fraction.is_none_or(digits)
}

fn header_line(headers: &[String], widths: &[usize]) -> String {
    let cells = headers.iter().zip(widths).map(|(header, width)| {
        let gap = width.saturating_sub(columns(header));
        let left = gap.div_ceil(2);
        format!(" {}{header}{} |", " ".repeat(left), " ".repeat(gap - left))
    });
    format!("|{}", cells.collect::<String>())
}

fn row_lines(row: &[Vec<String>], widths: &[usize]) -> Vec<String> {
    let height = row.iter().map(Vec::len).max().unwrap_or(1);
    (0..height)
        .map(|line| {
            let cells = widths.iter().enumerate().map(|(column, width)| {
                let lines = row.get(column);
                let text = lines.and_then(|lines| lines.get(line)).map_or("", String::as_str);
                let gap = " ".repeat(width.saturating_sub(columns(text)));
                let right = lines.is_some_and(|lines| lines.len() == 1) && is_number(text);
                if right { format!(" {gap}{text} |") } else { format!(" {text}{gap} |") }
            });
            format!("|{}", cells.collect::<String>())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table = Table::new(["id", "username", "age"]);
        table.row(["39a12a4e-0000-0000-0000-000000000000", "alice", "25"]);
        table.row(["null", "a name that is longer than thirty columns", "-1,234.5%"]);
        table
    }

    #[test]
    fn borders_alignment_and_wrapping() {
        insta::assert_snapshot!(table().render(TableArgs::default()), @r"
        |                  id                  |          username          |    age    |
        +--------------------------------------+----------------------------+-----------+
        | 39a12a4e-0000-0000-0000-000000000000 | alice                      |        25 |
        | null                                 | a name that is longer than | -1,234.5% |
        |                                      | thirty columns             |           |
        ");
    }

    #[test]
    fn rules_between_rows_and_cut_cells() {
        let args = TableArgs { row_border: true, max_row_width: 5, width: 0 };
        insta::assert_snapshot!(table().render(args), @r"
        |    id    | username |    age   |
        +----------+----------+----------+
        | 39a12... | alice    |       25 |
        +----------+----------+----------+
        | null     | a nam... | -1,23... |
        +----------+----------+----------+
        ");
    }

    #[test]
    fn an_empty_table_says_so() {
        assert_eq!(Table::new(["a"]).render(TableArgs::default()), "No data to display.");
    }

    #[test]
    fn numbers_are_recognised_like_the_documented_pattern() {
        for text in ["0", "-1", "1,234", "12345", "1.5", "99%", "1,234,567.89%"] {
            assert!(is_number(text), "{text}");
        }
        for text in ["", "-", "1,23", "1234,567", "1.", ".5", "1e5", "a", "1 2", "%"] {
            assert!(!is_number(text), "{text}");
        }
    }
}
