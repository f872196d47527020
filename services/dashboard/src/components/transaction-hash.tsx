import { useState } from "react";
import { shortHash } from "../format.ts";

/** The hash shortened, whole in its title, with a button that copies it. */
export function TransactionHash({ hash }: { hash: string }) {
  const [copied, setCopied] = useState(false);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(hash);
      setCopied(true);
      setTimeout(() => setCopied(false), 1_200);
    } catch {
      // Browsers give pages no clipboard outside https and localhost: the hash can still be taken from the title.
      setCopied(false);
    }
  };
  return (
    <span className="hash" title={hash}>
      <code>{shortHash(hash)}</code>
      <button type="button" onClick={() => void copy()} aria-label={`Copy transaction hash ${hash}`} data-testid="copy-hash">
        {copied ? "✓" : <CopyIcon />}
      </button>
    </span>
  );
}

const CopyIcon = () => (
  <svg className="copy-icon" viewBox="0 0 16 16" aria-hidden="true">
    <path d="M5.500 5.500v-3h8v8h-3m-8-5h8v8h-8z" fill="none" stroke="currentColor" strokeWidth="1.300" strokeLinejoin="round" />
  </svg>
);
