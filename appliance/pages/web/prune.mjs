// Takes out of a style sheet what is about elements, input types and roles that the sources never use: half of Pico's.
//
//   const smaller = prune(css, sources);      // sources: the text of all .tsx files and index.html
//
// Only whole selectors go, and only by what they demand: what stands in :not() demands nothing, and of alternatives in
// :is() and :where() one that is used is enough. Themes that are chosen by an attribute go as well: these pages follow the
// system's.
const tags = "abbr address aside audio blockquote canvas del embed figcaption figure hgroup iframe ins kbd mark meter object progress q sub sup template video".split(" ");
const types = "color date datetime-local image month range reset search time week".split(" ");
const roles = "group search switch tab tooltip".split(" ");
const others = [[/\[data-tooltip/, /data-tooltip/], [/\[dir=/, /dir="rtl"/], [/\[multiple\]/, /<select[^>]* multiple/], [/breadcrumb/, /breadcrumb/], [/::?-(moz|ms)-(check|expand|list-bullet|inner|focus|ui|range|progress|track|color)/, /never/], [/:host|^\[data-theme/, /never/]];

function unusedIn(sources) {
  const has = (text) => sources.includes(text);
  const gone = [
    ...tags.filter((tag) => !has(`<${tag} `) && !has(`<${tag}>`)).map((tag) => new RegExp(`(^|[\\s>+~,(])${tag}(?![\\w-])`)),
    ...types.filter((type) => !has(`type="${type}"`)).map((type) => new RegExp(`\\[type=${type}\\]`)),
    ...roles.filter((role) => !has(`role="${role}"`)).map((role) => new RegExp(`\\[role=${role}\\]`)),
    ...others.filter(([, use]) => !use.test(sources)).map(([selector]) => selector),
  ];
  return (selector) => gone.some((each) => each.test(selector));
}

function splitAt(text, sign) {
  const parts = [];
  let depth = 0;
  let part = "";
  for (const c of text) {
    if (c === "(" || c === "[") depth += 1;
    if (c === ")" || c === "]") depth -= 1;
    if (c === sign && depth === 0) {
      parts.push(part);
      part = "";
    } else part += c;
  }
  return [...parts, part];
}

// Where a parenthesis that opens at `open` closes.
function closing(text, open, pair = "()") {
  let depth = 0;
  for (let at = open; at < text.length; at += 1) {
    if (text[at] === pair[0]) depth += 1;
    if (text[at] === pair[1] && (depth -= 1) === 0) return at;
  }
  throw new Error(`unbalanced: ${text.slice(open, open + 60)}`);
}

function demands(selector, isUnused) {
  let rest = selector;
  for (let found = /:(not|is|where)\(/.exec(rest); found; found = /:(not|is|where)\(/.exec(rest)) {
    const end = closing(rest, found.index + found[0].length - 1);
    const inner = splitAt(rest.slice(found.index + found[0].length, end), ",");
    if (found[1] !== "not" && inner.every((each) => demands(each, isUnused))) return true;
    rest = rest.slice(0, found.index) + rest.slice(end + 1);
  }
  return isUnused(rest);
}

function pruned(css, isUnused) {
  let out = "";
  for (let at = 0; at < css.length;) {
    const open = css.indexOf("{", at);
    const end = css.indexOf(";", at);
    if (end >= 0 && (open < 0 || end < open)) {
      out += css.slice(at, end + 1);
      at = end + 1;
      continue;
    }
    if (open < 0) break;
    const close = closing(css, open, "{}");
    const head = css.slice(at, open).trim();
    const body = css.slice(open + 1, close);
    at = close + 1;
    if (/^@(media|supports)/.test(head)) {
      const inner = pruned(body, isUnused);
      if (inner) out += `${head}{${inner}}`;
    } else if (head.startsWith("@")) {
      out += `${head}{${body}}`;
    } else {
      const kept = splitAt(head, ",").filter((selector) => !demands(selector.trim(), isUnused));
      if (kept.length > 0) out += `${kept.join(",")}{${body}}`;
    }
  }
  return out;
}

export const prune = (css, sources) => pruned(css.replace(/\/\*[\s\S]*?\*\//g, ""), unusedIn(sources));
