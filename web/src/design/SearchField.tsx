import { useEffect, useRef, useState } from "react";
import { TextField, type TextFieldProps } from "./Field";

const PAUSE_MS = 250;

/** A text that something is searched for. It is handed on once the typing pauses; a value that comes from elsewhere, such as Back, is shown. */
export function SearchField({
  value,
  onChange,
  ...rest
}: Omit<TextFieldProps, "value" | "onChange" | "type"> & { value: string; onChange: (value: string) => void }) {
  const [typed, setTyped] = useState(value);
  const sent = useRef(value);
  const send = useRef(onChange);
  send.current = onChange;
  useEffect(() => {
    if (value === sent.current) return;
    sent.current = value;
    setTyped(value);
  }, [value]);
  useEffect(() => {
    if (typed === sent.current) return;
    const timer = window.setTimeout(() => {
      sent.current = typed;
      send.current(typed);
    }, PAUSE_MS);
    return () => window.clearTimeout(timer);
  }, [typed]);
  return <TextField {...rest} type="search" value={typed} onChange={(event) => setTyped(event.target.value)} />;
}
