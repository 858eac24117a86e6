//! Aligned columns for people, coloured where that is wanted.

use anstyle::Style;
use tabled::builder::Builder;
use tabled::settings::{self, Color, Padding};

use super::screen::{HEAD, Paint};

/// One cell: what stands there, in one line, and how it looks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cell {
    text: String,
    style: Style,
}

/// A cell that looks like nothing special.
pub fn plain(text: impl ToString) -> Cell {
    styled(text, Style::new())
}

/// A cell that looks so.
pub fn styled(text: impl ToString, style: Style) -> Cell {
    Cell { text: text.to_string(), style }
}

/// The row above the others.
pub fn heads<const N: usize>(names: [&str; N]) -> [Cell; N] {
    names.map(|name| styled(name, HEAD))
}

/// The rows, each a line with its newline.
pub fn table<const N: usize>(rows: &[[Cell; N]], paint: Paint) -> String {
    let mut builder = Builder::new();
    for row in rows {
        builder.push_record(row.iter().map(|cell| cell.text.as_str()));
    }
    let mut table = builder.build();
    table.with(settings::Style::empty()).with(Padding::new(0, 2, 0, 0));
    for (line, row) in rows.iter().enumerate().filter(|_| paint.on) {
        for (column, cell) in row.iter().enumerate() {
            table.modify((line, column), colour(cell.style));
        }
    }
    table.to_string().lines().map(|line| format!("{}\n", line.trim_end())).collect()
}

/// The table counts the width of a cell without its colour, so it has to know the two apart.
fn colour(style: Style) -> Color {
    Color::new(style.render().to_string(), style.render_reset().to_string())
}

#[cfg(test)]
mod tests {
    use anstyle::AnsiColor;

    use super::*;

    #[test]
    fn columns_are_aligned_with_colours_and_without() {
        let red = AnsiColor::Red.on_default();
        let rows = [
            heads(["COMMIT", "STATE", "BRANCH"]),
            [plain("1f7a"), styled("failed", red), plain("main")],
            [plain("62cdb7020ff9"), plain("größer"), plain("日本")],
        ];
        let expected = "\
COMMIT        STATE   BRANCH
1f7a          failed  main
62cdb7020ff9  größer  日本
";
        assert_eq!(table(&rows, Paint { on: false }), expected);
        let coloured = table(&rows, Paint { on: true });
        assert!(
            coloured.contains("1f7a          \u{1b}[31mfailed\u{1b}[0m  main\n"),
            "{coloured:?}"
        );
        assert!(coloured.starts_with("\u{1b}[1mCOMMIT\u{1b}[0m        "), "{coloured:?}");
        assert_eq!(table::<2>(&[], Paint { on: true }), "");
    }
}
