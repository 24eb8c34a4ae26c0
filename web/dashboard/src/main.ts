import { mount } from "svelte";
import App from "./App.svelte";
import { takeTokenFromAddress } from "./token.ts";
import "uplot/dist/uPlot.min.css";
import "./style.css";

// Before anything else: a token must not stay in the address bar or in the history.
takeTokenFromAddress();
const target = document.getElementById("app");
if (target !== null) mount(App, { target });
