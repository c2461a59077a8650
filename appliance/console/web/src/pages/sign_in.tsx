import { useEffect, useRef, useState } from "preact/hooks";
import { call, formOf, type Problem, type SessionInfo } from "../api";
import { Field, Note } from "../ui";

export function SignInPage({ signedIn, ended }: { signedIn: (session: SessionInfo) => void; ended: boolean }) {
  const [problem, setProblem] = useState<Problem>();
  const [needsCode, setNeedsCode] = useState(false);
  const [isBusy, setBusy] = useState(false);
  const code = useRef<HTMLInputElement>(null);
  const form = useRef<HTMLFormElement>(null);
  useEffect(() => { document.title = "Sign in · Chancery"; }, []);
  useEffect(() => { code.current?.focus(); }, [needsCode]);
  const submit = async (event: Event) => {
    event.preventDefault();
    const fields = new FormData(form.current!);
    setBusy(true);
    setProblem(undefined);
    try {
      signedIn(await call<SessionInfo>("POST", "/session", formOf({ user: String(fields.get("user")), password: String(fields.get("password")), code: String(fields.get("code") ?? "") })));
    } catch (failure) {
      const found = failure as Problem;
      if (found.code === "code-required") setNeedsCode(true);
      else setProblem(found);
    } finally {
      setBusy(false);
    }
  };
  const text = problem?.status === 401 ? (needsCode ? "The name, the password or the code is not right." : "The name or the password is not right.") : problem?.title;
  return (
    <main class="alone">
      <article class="sign-in">
        <p class="brand"><img src="/icon.svg" alt="" width="34" height="34" /> Chancery</p>
        <h1>Sign in to {window.location.hostname}</h1>
        {ended && !problem && <Note tone="warn" title="You were signed out">The session ended, or somebody signed everybody out.</Note>}
        {problem && <Note tone="bad" title={text}>{problem.status !== 401 && problem.detail && <p>{problem.detail}</p>}</Note>}
        <form ref={form} onSubmit={(event) => { void submit(event); }}>
          <Field label="Name"><input name="user" autocomplete="username" defaultValue="administrator" required autocapitalize="none" spellcheck={false} /></Field>
          <Field label="Password"><input name="password" type="password" autocomplete="current-password" required autofocus /></Field>
          {needsCode && <Field label="Code" hint="The six digits that your authenticator app shows"><input ref={code} name="code" inputMode="numeric" autocomplete="one-time-code" pattern="[0-9]{6}" maxLength={6} required /></Field>}
          <button type="submit" aria-busy={isBusy} disabled={isBusy}>Sign in</button>
        </form>
        <p class="soft">The password was shown by <code>chancery init</code> when this appliance was set up.</p>
      </article>
    </main>
  );
}
