// The frame around the pages: the bar on top, the menu, and what stands there when a page fails or is none.
import { Component, type ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import { Problem } from "./answers";
import { Page, ProblemNote } from "./ui";

export interface MenuEntry { path: string; title: string; group: string }

function Menu({ entries, current }: { entries: MenuEntry[]; current: string }) {
  const groups = [...new Set(entries.map((entry) => entry.group))];
  return (
    <nav class="menu" id="menu" aria-label="Pages">
      {groups.map((group) => (
        <div key={group} class="menu-group">
          {group && <p class="menu-title" id={`menu-${group}`}>{group}</p>}
          <ul aria-labelledby={group ? `menu-${group}` : undefined}>
            {entries.filter((entry) => entry.group === group).map((entry) => (
              <li key={entry.path}><a href={`#/${entry.path}`} aria-current={entry.path === current ? "page" : undefined}>{entry.title}</a></li>
            ))}
          </ul>
        </div>
      ))}
    </nav>
  );
}

export interface FrameProps { name: ComponentChildren; role: ComponentChildren; isLive: boolean; entries: MenuEntry[]; current: string; actions?: ComponentChildren; children: ComponentChildren }
export function Frame({ name, role, isLive, entries, current, actions, children }: FrameProps) {
  const [isOpen, setOpen] = useState(false);
  useEffect(() => setOpen(false), [current]);
  const skip = (event: Event) => {
    event.preventDefault();  // "#" is where pages have their addresses
    document.getElementById("content")?.focus();
  };
  return (
    <>
      <a class="skip" href="#content" onClick={skip}>Skip to the page</a>
      <header class="top">
        <button type="button" class="menu-button" aria-expanded={isOpen} aria-controls="menu" onClick={() => setOpen(!isOpen)}>Menu</button>
        <a class="brand" href="#/"><img src="/icon.svg" alt="" width="26" height="26" /> Chancery</a>
        <span class="where"><strong>{name}</strong> <span class="soft">{role}</span></span>
        <span class={`live ${isLive ? "on" : "off"}`} title={isLive ? "Changes show up by themselves" : "Reconnecting: what you see may be old"}>{isLive ? "live" : "reconnecting"}</span>
        {actions}
      </header>
      <div class={isOpen ? "body open" : "body"}>
        <Menu entries={entries} current={current} />
        <main id="content" tabIndex={-1}>{children}</main>
      </div>
    </>
  );
}

// A page that fails says so, and the others go on.
export class Guard extends Component<{ children: ComponentChildren }, { failed?: Error }> {
  override state: { failed?: Error } = {};
  override componentDidCatch(failed: Error) { this.setState({ failed }); }
  override render() {
    if (!this.state.failed) return this.props.children;
    return <ProblemNote problem={new Problem(0, "page-failed", "This page failed", `${this.state.failed.message}. This is a defect worth reporting; the command line does the same work.`)} retry={() => this.setState({ failed: undefined as unknown as Error })} />;
  }
}

export function NotFound() {
  return <Page title="No such page"><p>There is no page at this address. <a href="#/">Go to the overview.</a></p></Page>;
}
