import { type RefObject, useEffect, useState } from "react";

// About two screens above and below what is seen: what is scrolled to is there before it is reached.
const MARGIN = "1200px 0px";

/** Whether an element is seen, or will be soon. The first of a list always counts: it is what the list begins with. */
export function useNear(element: RefObject<Element | null>, first: boolean): boolean {
  const [near, setNear] = useState(first);
  useEffect(() => {
    if (!element.current) return;
    const observer = new IntersectionObserver(
      (entries) => {
        const last = entries.at(-1);
        if (last) setNear(last.isIntersecting);
      },
      { rootMargin: MARGIN },
    );
    observer.observe(element.current);
    return () => observer.disconnect();
  }, [element]);
  return near || first;
}
