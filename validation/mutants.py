"""Mutants of a Python file: one small change of its syntax tree each, for mutation.py."""

import ast
from collections.abc import Iterator
from typing import NamedTuple

OPERATORS = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.Pow: ast.Mult,
    ast.FloorDiv: ast.Div,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
}
# the boundary, and the opposite
COMPARISONS = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
EXTREMES = {"min": "max", "max": "min", "minimum": "maximum", "maximum": "minimum"}
# characters of code that are shown whole
LONGEST = 60
# parts of the syntax tree whose changes are not changes of a result
SKIPPED = {"annotation", "returns", "decorator_list", "exc"}


class Mutant(NamedTuple):
    """A node of a syntax tree and what replaces it, within a statement of a function."""

    parent: ast.AST
    field: str
    index: int | None
    old: ast.AST
    new: ast.AST
    function: str
    lines: range | None

    def put(self, node: ast.AST) -> None:
        """Set the place in the tree to a node, the new or the old one."""
        if self.index is None:
            setattr(self.parent, self.field, node)
        else:
            getattr(self.parent, self.field)[self.index] = node

    def change(self) -> str:
        """Describe the change in a line of code."""
        match self.old:
            case ast.With(items):
                return f"with {', '.join(map(shown, items))} → without"
            case ast.If(test) | ast.While(test):
                return f"if {shown(test)} → if not {shown(test)}"
            case ast.stmt():
                return f"{shown(self.old)} → removed"
            case ast.BinOp(left, _, right) | ast.Compare(left, _, [right]):
                old, new = (ast.unparse(each) for each in (self.old, self.new))
                for part in (left, right):
                    old, new = (t.replace(ast.unparse(part), shown(part)) for t in (old, new))
                return f"{old} → {new}"
            case ast.Constant() if isinstance(self.parent, ast.expr):
                old = ast.unparse(self.parent)
                self.put(self.new)
                new = ast.unparse(self.parent)
                self.put(self.old)
                if len(old) < LONGEST:
                    return f"{old} → {new}"
        return f"{shown(self.old)} → {shown(self.new)}"


def shown(node: ast.AST) -> str:
    text = " ".join(ast.unparse(node).split())
    half = LONGEST // 2
    return text if len(text) <= LONGEST else f"{text[:half]} … {text[-half:]}"


def replacements(node: ast.AST) -> Iterator[ast.AST]:
    match node:
        case ast.BinOp(left, op, right) if type(op) in OPERATORS:
            yield ast.BinOp(left, OPERATORS[type(op)](), right)
        case ast.UnaryOp(op, operand) if not isinstance(op, ast.UAdd):
            yield operand
        case ast.Compare(left, ops, comparators):
            for i, op in enumerate(ops):
                for other in COMPARISONS[type(op)]:
                    yield ast.Compare(left, [*ops[:i], other(), *ops[i + 1 :]], comparators)
        case ast.BoolOp(op, values):
            yield ast.BoolOp(ast.Or() if isinstance(op, ast.And) else ast.And(), values)
        case ast.Constant(value) if isinstance(value, bool):
            yield ast.Constant(not value)
        case ast.Constant(value) if isinstance(value, int):
            yield ast.Constant(value + 1)
        case ast.Constant(value) if isinstance(value, float):
            yield ast.Constant(2 * value if value else 1.0)
        case ast.Call(ast.Name(name), args, keywords) if name in EXTREMES:
            yield ast.Call(ast.Name(EXTREMES[name], ast.Load()), args, keywords)
        case ast.Call(ast.Attribute(of, name), args, keywords) if name in EXTREMES:
            yield ast.Call(ast.Attribute(of, EXTREMES[name], ast.Load()), args, keywords)
        case ast.Call(ast.Attribute(_, "where"), [condition, yes, no], keywords):
            yield ast.Call(node.func, [condition, no, yes], keywords)
        case ast.If(test) | ast.IfExp(test) | ast.While(test):
            if not isinstance(test, ast.Compare | ast.UnaryOp):
                parts = {name: value for name, value in ast.iter_fields(node) if name != "test"}
                yield type(node)(test=ast.UnaryOp(ast.Not(), test), **parts)
        case ast.AugAssign() | ast.Raise() | ast.Expr(ast.Call()):
            yield ast.Pass()
        case ast.Assign([ast.Subscript()]):
            yield ast.Pass()
        case ast.With(_, body):
            yield ast.If(ast.Constant(True), body, [])


def mutants(node: ast.AST, function: str = "", lines: range | None = None) -> Iterator[Mutant]:
    """All mutants below a node; lines are None where code runs on import."""
    for field, value in ast.iter_fields(node):
        if field in SKIPPED:
            continue
        many = isinstance(value, list)
        for index, child in enumerate(value if many else [value]):
            if not isinstance(child, ast.AST) or isinstance(child, ast.JoinedStr):
                continue
            here, name = lines, function
            if isinstance(node, ast.FunctionDef):  # also of arguments, which have defaults
                here = range(node.body[0].lineno, node.end_lineno + 1)
            if isinstance(child, ast.stmt) and here is not None:
                body = getattr(child, "body", None)
                stop = body[0].lineno if body else child.end_lineno + 1
                here = range(child.lineno, max(stop, child.lineno + 1))
            if isinstance(child, ast.FunctionDef | ast.ClassDef):
                name = f"{function}.{child.name}".lstrip(".")
            for new in replacements(child):
                place = index if many else None
                yield Mutant(node, field, place, child, ast.copy_location(new, child), name, here)
            yield from mutants(child, name, here)
