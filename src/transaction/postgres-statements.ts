/** Where comments, texts and names in quotes begin, and all of them but a comment in `/*`: no word in them is one of a statement. */
const NOISE =
  /--[^\r\n]*|\/\*|(?<!\w)[eE]'(?:[^'\\]|\\[\s\S])*'|'[^']*'|"[^"]*"|(?<![\w$\x80-\uffff])\$((?:[A-Za-z_\x80-\uffff][\w\x80-\uffff]*)?)\$[\s\S]*?\$\1\$/g;
const COMMENT_BOUND = /\/\*|\*\//g;

/**
 * The statements that one query holds, as PostgreSQL takes several where there are no parameters: each from its first word
 * on, and without its comments and texts.
 */
export function postgresStatements(sql: string): string[] {
  const noise = new RegExp(NOISE);
  let kept = '';
  let at = 0;
  for (let found = noise.exec(sql); found; found = noise.exec(sql)) {
    kept += `${sql.slice(at, found.index)} `;
    at = found[0] === '/*' ? endOfComment(sql, noise.lastIndex) : noise.lastIndex;
    noise.lastIndex = at;
  }
  kept += sql.slice(at);
  return kept.split(';').map((statement) => statement.trim());
}

/** Comments may stand in comments. */
function endOfComment(sql: string, from: number): number {
  const bound = new RegExp(COMMENT_BOUND);
  bound.lastIndex = from;
  for (let depth = 1; depth > 0;) {
    const found = bound.exec(sql);
    if (!found) return sql.length;
    depth += found[0] === '/*' ? 1 : -1;
  }
  return bound.lastIndex;
}
