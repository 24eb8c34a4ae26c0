import { mount } from "svelte";
import App from "./App.svelte";
import "uplot/dist/uPlot.min.css";
import "./style.css";

const target = document.getElementById("app");
if (target !== null) mount(App, { target });
