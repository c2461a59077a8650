// Addresses behind the "#": "/certificates/portal?from=overview".
import { useEffect, useState } from "preact/hooks";

export interface Place { path: string; parts: string[]; query: URLSearchParams }

function placeOf(hash: string): Place {
  const [path = "", query = ""] = hash.replace(/^#/, "").split("?");
  const clean = path.startsWith("/") ? path : "/";
  let parts: string[] = [];
  try { parts = clean.split("/").filter(Boolean).map(decodeURIComponent); } catch { /* a broken address is the overview */ }
  return { path: clean, parts, query: new URLSearchParams(query) };
}

export const go = (path: string) => { window.location.hash = path; };

export function usePlace(): Place {
  const [place, setPlace] = useState(() => placeOf(window.location.hash));
  useEffect(() => {
    const moved = () => setPlace(placeOf(window.location.hash));
    window.addEventListener("hashchange", moved);
    return () => window.removeEventListener("hashchange", moved);
  }, []);
  return place;
}
