"""Runs a program in this very interpreter and prints what it gives as a line, as a careless runner would."""

import ast
import json
import sys

body = ast.parse(open(sys.argv[1]).read()).body
last = body.pop() if isinstance(body[-1], ast.Expr) else None
names = {"__name__": "__main__"}
try:
    exec(compile(ast.Module(body, []), "program", "exec"), names)
    value = str(eval(compile(ast.Expression(last.value), "program", "eval"), names)) if last else ""
except Exception as error:
    value = repr(error)
print("\n" + json.dumps({"value": value}))
