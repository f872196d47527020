import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./app.tsx";
import { Feed } from "./feed.ts";
import { MarketFeed } from "./market-feed.ts";
import "uplot/dist/uPlot.min.css";
import "./styles.css";

const root = document.getElementById("root");
if (root === null) throw new Error("index.html has a #root");
createRoot(root).render(
  <StrictMode>
    <App feed={new Feed()} marketFeed={new MarketFeed()} />
  </StrictMode>,
);
