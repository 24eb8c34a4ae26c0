/** What is asked about incidents: a small grid of paths, fields and operations, in words. */
import type { Grid } from "../grid.ts";
import type { World } from "./world.ts";

export const incidentGrid = (world: World): Grid => ({
  tables: world,
  paths: {
    service: { names: ["service"], steps: ["service {1}"], phrases: ["{1}", "the service {1}"] },
    incident: { names: ["incident"], steps: ["incident {1}"], phrases: ["{1}", "incident {1}"] },
    engineer: { names: ["engineer"], steps: ["engineer {1}"], phrases: ["{1}", "the engineer {1}"] },
    deployment: { names: ["deployment"], steps: ["deployment {1}"], phrases: ["{1}", "deployment {1}"] },
    "incident-service": {
      names: ["incident"],
      steps: ["incident {1}", "service @1.service"],
      phrases: ["the service that {1} hit", "the service that failed in {1}", "the service behind incident {1}"],
    },
    "service-incident": {
      names: ["service"],
      steps: ["service {1}", "incident @1.incident"],
      phrases: ["the last incident of {1}", "the newest incident of {1}", "the last incident that hit {1}"],
    },
    "service-deployment": {
      names: ["service"],
      steps: ["service {1}", "deployment @1.deployment"],
      phrases: ["the latest deployment of {1}", "the newest deployment of {1}", "the latest deployment to {1}"],
    },
    "incident-deployment": {
      names: ["incident"],
      steps: ["incident {1}", "deployment @1.deployment"],
      phrases: ["the deployment that caused {1}", "the deployment behind {1}", "the deployment to blame for {1}"],
    },
    "incident-deployment-engineer": {
      names: ["incident"],
      steps: ["incident {1}", "deployment @1.deployment", "engineer @2.author"],
      phrases: [
        "the author of the deployment that caused {1}",
        "the engineer who wrote the deployment behind {1}",
        "whoever wrote the deployment to blame for {1}",
      ],
    },
    "deployment-engineer": {
      names: ["deployment"],
      steps: ["deployment {1}", "engineer @1.author"],
      phrases: ["the author of {1}", "the engineer who wrote {1}", "whoever wrote deployment {1}"],
    },
    "deployment-service-team": {
      names: ["deployment"],
      steps: ["deployment {1}", "service @1.service", "team @2.team"],
      phrases: [
        "the team that owns the service of {1}",
        "the team behind the service that {1} changed",
        "the team whose service got deployment {1}",
      ],
    },
    "deployment-logs": {
      names: ["deployment"],
      steps: ["deployment {1}", "logs @1.service @1.shipped"],
      phrases: [
        "the log of the day of {1}",
        "the log from the day when {1} went live",
        "the log of the day of deployment {1}",
      ],
    },
    "engineer-rota": {
      names: ["engineer"],
      steps: ["engineer {1}", "rota @1.team"],
      phrases: ["the team of {1}", "the team that {1} works in", "the team of the engineer {1}"],
    },
    "incident-service-rota": {
      names: ["incident"],
      steps: ["incident {1}", "service @1.service", "rota @2.team"],
      phrases: ["the service that {1} hit"],
    },
    "incident-service-rota-engineer": {
      names: ["incident"],
      steps: ["incident {1}", "service @1.service", "rota @2.team", "engineer @3.primary"],
      phrases: [
        "whoever is on call for the service that {1} hit",
        "the engineer on call for the service that failed in {1}",
        "the person on call for the service behind incident {1}",
      ],
    },
  },
  fields: {
    replicas: { kind: "count", things: "replicas", asks: "does {} run", says: "{} runs", all: "do {} run" },
    customers: { kind: "count", things: "customers", asks: "did {} hit", says: "{} hit", all: "did {} hit" },
    members: { kind: "count", things: "members", asks: "does {} have", says: "{} has", all: "do {} have" },
    shifts: { kind: "count", things: "shifts", asks: "has {} taken", says: "{} has taken", all: "have {} taken" },
    lines: { kind: "count", things: "lines", asks: "did {} change", says: "{} changed", all: "did {} change" },
    errors: { kind: "count", things: "errors", asks: "does {} show", says: "{} shows", all: "do {} show" },
    warnings: { kind: "count", things: "warnings", asks: "does {} show", says: "{} shows", all: "do {} show" },
    joined: { kind: "date", asks: "did {} join", says: "{} joined", noun: "the hiring of {}" },
    opened: { kind: "date", asks: "did {} begin", says: "{} began", noun: "the start of {}" },
    shipped: { kind: "date", asks: "did {} go live", says: "{} went live", noun: "the rollout of {}" },
    launched: { kind: "date", asks: "was {} launched", says: "{} was launched", noun: "the launch of {}" },
    primary: {
      kind: "name",
      questions: ["Who is on call for {}?", "Who carries the pager of {}?", "Find out who is on call for {}."],
    },
  },
  questions: {
    count: [
      "How many {things} {asks}?",
      "Give the number of {things} that {says}.",
      "What is the number of {things} that {says}?",
      "We need to know how many {things} {says}.",
    ],
    date: ["On what date {asks}?", "When {asks}?", "Give the date on which {says}."],
    difference: [
      "By how many {things} do {a} and {b} differ?",
      "What is the difference in the number of {things} between {a} and {b}?",
      "By how many {things} does {a} differ from {b}?",
      "Compare {a} with {b}: what is the difference in their number of {things}?",
    ],
    sum: [
      "How many {things} {all} together?",
      "What is the total number of {things} of {a} and {b}?",
      "Add up the number of {things} of {a} and that of {b}.",
    ],
    days: [
      "How many days lie between {noun} and {other}?",
      "How many days apart are {noun} and {other}?",
      "What is the number of days between {noun} and {other}?",
    ],
  },
  families: [
    { name: "replicas apart", asked: ["service.replicas", "service.replicas"], operation: "difference" },
    { name: "lines together", asked: ["deployment.lines", "deployment.lines"], operation: "sum" },
    { name: "customers apart", asked: ["incident.customers", "incident.customers"], operation: "difference" },
    { name: "replicas hit", asked: ["incident-service.replicas"], operation: "value" },
    {
      name: "launch and outage",
      asked: ["incident-service.launched", "incident.opened"],
      operation: "days",
      same: true,
    },
    {
      name: "rollout and outage",
      asked: ["service-deployment.shipped", "service-incident.opened"],
      operation: "days",
      same: true,
    },
    { name: "errors that day", asked: ["deployment-logs.errors"], operation: "value" },
    {
      name: "warnings apart",
      asked: ["deployment-logs.warnings", "deployment-logs.warnings"],
      operation: "difference",
    },
    { name: "author joined", asked: ["incident-deployment-engineer.joined"], operation: "value" },
    { name: "shifts together", asked: ["deployment-engineer.shifts", "engineer.shifts"], operation: "sum" },
    { name: "team of a change", asked: ["deployment-service-team.members"], operation: "value" },
    { name: "on call", asked: ["engineer-rota.primary"], operation: "name" },
    { name: "shifts on call", asked: ["incident-service-rota-engineer.shifts"], operation: "value" },
    {
      name: "whom to wake",
      on: "incident.customers",
      below: "incident-service-rota.primary",
      above: "incident-deployment.author",
      operation: "name",
      numbers: [30, 70],
      questions: [
        {
          compare: "less",
          text: "If {1} hit fewer than {n} customers, who is on call for the service? Otherwise, who wrote the deployment that caused it?",
        },
        {
          compare: "less",
          text: "Who is on call for the service if fewer than {n} customers were hit by {1}, and if not, who wrote the deployment behind it?",
        },
        {
          compare: "more",
          text: "If more than {n} customers were hit by {1}, who wrote the deployment that caused it? Otherwise, who is on call for the service?",
        },
        {
          compare: "more",
          text: "Who wrote the deployment behind {1} if it hit more than {n} customers, and who is on call for the service otherwise?",
        },
      ],
    },
    {
      name: "replicas hit apart",
      asked: ["incident-service.replicas", "service.replicas"],
      operation: "difference",
      heldOut: true,
    },
    {
      name: "customers together",
      asked: ["incident.customers", "incident.customers"],
      operation: "sum",
      heldOut: true,
    },
  ],
});
