/** Comments, and texts and names in quotes: no word in them is one of a statement. */
const NOISE =
  /--[^\n]*|\/\*[\s\S]*?\*\/|(?<!\w)[eE]'(?:[^'\\]|\\[\s\S])*'|'[^']*'|"[^"]*"|(?<![\w$])\$((?:[A-Za-z_]\w*)?)\$[\s\S]*?\$\1\$/g;

/**
 * The statements that one query holds, as PostgreSQL takes several where there are no parameters: each from its first word
 * on, and without its comments and texts. What stands in a comment within a comment is taken for a statement.
 */
export function postgresStatements(sql: string): string[] {
  return sql
    .replace(NOISE, ' ')
    .split(';')
    .map((statement) => statement.trim());
}
