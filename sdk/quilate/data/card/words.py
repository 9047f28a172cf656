"""The words of a data card, in English and Spanish, beside those of the token measurements."""

from __future__ import annotations

from collections.abc import Mapping

from quilate.data.tokens.wording import TokenWords

_TABLE: dict[str, tuple[str, str]] = {
    "card": ("Data card", "Ficha de datos"),
    "summary": ("What to know first", "Lo primero que hay que saber"),
    "facts": ("The dataset", "El conjunto de datos"),
    "name": ("Name", "Nombre"),
    "version": ("Version", "Versión"),
    "licence": ("Licence", "Licencia"),
    "no_licence": ("none stated", "no se indica"),
    "digest": ("Content (digest)", "Contenido (huella)"),
    "created": ("Made", "Creado"),
    "made_with": ("Quilate version", "Versión de Quilate"),
    "fields": ("Fields", "Campos"),
    "field": ("Field", "Campo"),
    "types": ("Type", "Tipo"),
    "filled": ("Filled", "Con valor"),
    "distinct": ("Distinct values", "Valores distintos"),
    "examples": ("Examples", "Ejemplos"),
    "some_more": ("{n} more|{n} more", "{n} más|{n} más"),
    "more_than": ("more than {n}", "más de {n}"),
    "some_more_fields": (
        "{n} more field is not told of|at least {n} more fields are not told of",
        "queda {n} campo sin describir|quedan al menos {n} campos sin describir",
    ),
    "span": ("{least} to {most}", "{least} a {most}"),
    "languages": ("Languages", "Idiomas"),
    "share": ("Share", "Proporción"),
    "confidence": ("Mean confidence", "Confianza media"),
    "doubtful": ("Doubtful (below 0.5)", "Dudosas (menos de 0,5)"),
    "languages_guessed": (
        "The rows name no language. {rows}, drawn at random, were told from their text, and only "
        "Spanish and English can be told: other languages are counted as one of them.",
        "Las filas no indican idioma. Se dedujo del texto de {rows}, tomadas al azar, y solo se "
        "distinguen el español y el inglés: otros idiomas se cuentan como uno de los dos.",
    ),
    "lengths_of": ("Lengths of the texts, in characters", "Longitud de los textos, en caracteres"),
    "bar_characters": ("{low} to {high} characters: {rows}", "{low} a {high} caracteres: {rows}"),
    "bar_characters_open": (
        "{low} characters or more: {rows}",
        "{low} caracteres o más: {rows}",
    ),
    "mean": ("Mean", "Media"),
    "median": ("Median", "Mediana"),
    "longest": ("Longest", "Máxima"),
    "distribution": ("Labels and splits", "Etiquetas y particiones"),
    "value": ("Value", "Valor"),
    "checks": ("What was checked", "Qué se comprobó"),
    "duplicates": ("Duplicates", "Duplicados"),
    "contamination": ("Contamination", "Contaminación"),
    "personal": ("Personal data", "Datos personales"),
    "no_duplicates": (
        "No step looked for duplicates.",
        "Ningún paso buscó duplicados.",
    ),
    "no_contamination": (
        "The rows were checked against no evaluation set: its questions may be among them.",
        "Las filas no se cotejaron con ningún conjunto de evaluación: sus preguntas pueden estar "
        "entre ellas.",
    ),
    "no_personal": (
        "No step looked for personal data: read the rows before you share them.",
        "Ningún paso buscó datos personales: lee las filas antes de compartirlas.",
    ),
    "licence_warning": (
        "No licence is stated: nobody may assume that these data can be used.",
        "No se indica licencia: nadie debe suponer que estos datos se pueden usar.",
    ),
    "rows_differ": (
        "The manifest tells of {told}, but there are {found}.",
        "El manifiesto habla de {told}, pero hay {found}.",
    ),
    "no_rows": ("There are no rows.", "No hay filas."),
    "some_quarantined": (
        "{n} row lies in the quarantine, with its reason|"
        "{n} rows lie in the quarantine, each with its reason",
        "{n} fila está en cuarentena, con su motivo|"
        "{n} filas están en cuarentena, cada una con su motivo",
    ),
    "step_found": (
        "{step}: {dropped} dropped and {changed} changed, of {rows}",
        "{step}: {dropped} descartadas y {changed} cambiadas, de {rows}",
    ),
    "nothing_found": ("{step}: nothing found in {rows}", "{step}: nada encontrado en {rows}"),
    "samples_drawn": (
        "Drawn at random (seed {seed}).",
        "Tomadas al azar (semilla {seed}).",
    ),
    "sample_rows": ("Samples", "Muestras"),
    "no_samples": ("No rows are shown.", "No se muestran filas."),
    "cut_text": ("… {n} more characters", "… {n} caracteres más"),
    "whole_text": ("{n} characters", "{n} caracteres"),
    "lineage": ("Where it comes from", "De dónde viene"),
    "no_lineage": (
        "The manifest tells neither sources nor steps.",
        "El manifiesto no indica ni fuentes ni pasos.",
    ),
    "sources": ("Sources", "Fuentes"),
    "path": ("Path", "Ruta"),
    "rejected": ("Rejected", "Rechazadas"),
    "steps": ("Steps", "Pasos"),
    "step": ("Step", "Paso"),
    "rows_in": ("Rows in", "Entran"),
    "kept": ("Kept", "Sin cambio"),
    "changed": ("Changed", "Cambiadas"),
    "dropped": ("Dropped", "Descartadas"),
    "added": ("Added", "Añadidas"),
    "lacking": ("Not looked at", "Sin revisar"),
    "rows_out": ("Rows out", "Salen"),
    "reason": ("Reason", "Motivo"),
    "options": ("Options", "Opciones"),
    "details": ("Options, reasons and examples", "Opciones, motivos y ejemplos"),
    "before": ("before", "antes"),
    "after": ("after", "después"),
    "hidden_texts": (
        "The texts of these examples are left out: they are from before personal data were masked.",
        "Se omiten los textos de estos ejemplos: son de antes de ocultar los datos personales.",
    ),
    "load": ("How to load it", "Cómo cargarlo"),
    "skip_samples": ("Skip to the samples", "Ir a las muestras"),
}

_TYPES = {
    "text": "texto",
    "integer": "entero",
    "number": "número",
    "boolean": "booleano",
    "null": "nulo",
    "object": "objeto",
    "list": "lista",
    "bytes": "bytes",
    "other": "otro",
}


class CardWords(TokenWords):
    """The words of the reports, of the measurement of tokenizers, and of data cards.

    >>> CardWords("es")["licence"], CardWords("es").type("list of text")
    ('Licencia', 'lista de texto')
    """

    __slots__ = ()

    def __getitem__(self, key: str) -> str:
        if key in _TABLE:
            return _TABLE[key][self.lang == "es"]
        return TokenWords.__getitem__(self, key)

    def all(self) -> Mapping[str, str]:
        """Every word by its key."""
        return {**TokenWords.all(self), **{key: self[key] for key in _TABLE}}

    def type(self, name: str) -> str:
        """The type of a value."""
        if self.lang == "en":
            return name
        if name.startswith("list of "):
            return f"lista de {self.type(name.removeprefix('list of '))}"
        return _TYPES.get(name, name)
