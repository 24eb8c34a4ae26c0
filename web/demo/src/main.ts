import { mount } from "svelte";
import App from "./App.svelte";
import "./style.css";

const target = document.getElementById("page");
if (target !== null) mount(App, { target });

// Files are kept for use without a network; a page that was opened as a file has no service worker.
if ("serviceWorker" in navigator && import.meta.env.PROD) void navigator.serviceWorker.register("./service-worker.js");
