"""Writes this example's data: orders that people dictate in Spanish, and the JSON of each.

The evaluation's sentences, names, towns and products are none of the training's.
Run it again after a change: python make_data.py
"""

import json
import random
from pathlib import Path

HERE = Path(__file__).parent

SENTENCES = (
    [
        "Soy {cliente}, de {ciudad}, y quiero {unidades} {producto}.",
        "Apunte {unidades} {producto} para {cliente}. Se envían a {ciudad}.",
        "Buenos días, le habla {cliente}. Mándeme {unidades} {producto} a {ciudad}, por favor.",
        "Necesito {unidades} {producto} en {ciudad}. A nombre de {cliente}.",
        "{cliente} pide {unidades} {producto}; vive en {ciudad}.",
        "¿Me puede enviar {unidades} {producto} a {ciudad}? Me llamo {cliente}.",
        "Pedido de {cliente}: {unidades} {producto}. Entrega en {ciudad}.",
        "Para {ciudad} van {unidades} {producto}, los compra {cliente}.",
        "Hola, quisiera {unidades} {producto}. Mi nombre es {cliente} y estoy en {ciudad}.",
        "En {ciudad} espera {cliente} sus {unidades} {producto}.",
        "Anote, por favor: {unidades} {producto}, {cliente}, {ciudad}.",
        "Desde {ciudad} llama {cliente}, que encarga {unidades} {producto}.",
        "Le escribe {cliente}. Me hacen falta {unidades} {producto} en mi casa de {ciudad}.",
        "Póngame {unidades} {producto}. Vivo en {ciudad} y me llamo {cliente}.",
        "La señora {cliente} compra {unidades} {producto} y los recoge en {ciudad}.",
        "Quiero que lleguen {unidades} {producto} a {ciudad}, a la atención de {cliente}.",
    ],
    [
        "Aquí {cliente}: envíen {unidades} {producto} a mi tienda de {ciudad}.",
        "Me gustaría comprar {unidades} {producto} para {ciudad}; soy {cliente}.",
        "Registre un pedido de {unidades} {producto}, cliente {cliente}, destino {ciudad}.",
        "Hace un rato {cliente} encargó {unidades} {producto}, con entrega en {ciudad}.",
        "A {ciudad}, por favor, {unidades} {producto}. Firmado, {cliente}.",
        "¿Tienen {unidades} {producto}? Los necesita {cliente} en {ciudad}.",
        "Vuelvo a pedir {unidades} {producto}: {cliente}, {ciudad}, como siempre.",
        "Que le lleven {unidades} {producto} a {cliente}, vecina de {ciudad}.",
        "Hemos vendido {unidades} {producto} a {cliente}, y hay que enviarlos a {ciudad}.",
        "Confirmo mi compra de {unidades} {producto}. {cliente}, desde {ciudad}.",
    ],
)
NAMES = (
    [
        "Ana",
        "Luis",
        "Carmen",
        "Javier",
        "Lucía",
        "Pedro",
        "Elena",
        "Diego",
        "Rosa",
        "Andrés",
        "Julia",
        "Tomás",
    ],
    ["Marta", "Pablo", "Irene", "Raúl", "Sonia", "Hugo", "Clara", "Iván"],
)
SURNAMES = (
    [
        "López",
        "García",
        "Romero",
        "Vega",
        "Molina",
        "Castro",
        "Ortiz",
        "Rubio",
        "Soto",
        "Flores",
        "Ramos",
        "Gil",
    ],
    ["Navarro", "Iglesias", "Peña", "Cabrera", "Lozano", "Méndez", "Prieto", "Duarte"],
)
TOWNS = (
    [
        "Madrid",
        "Sevilla",
        "Lima",
        "Bogotá",
        "Valencia",
        "Quito",
        "Granada",
        "Rosario",
        "Puebla",
        "Cuzco",
        "León",
        "Arequipa",
    ],
    ["Bilbao", "Mérida", "Córdoba", "Cali", "Toledo", "Tampico", "Salta", "Iquique"],
)
PRODUCTS = (
    [
        "sillas",
        "lámparas",
        "cuadernos",
        "mochilas",
        "tazas",
        "relojes",
        "mantas",
        "botellas",
        "espejos",
        "toallas",
    ],
    ["mesas", "cojines", "linternas", "paraguas", "platos", "camisetas", "cestas", "velas"],
)


def orders(part: int, each: int, seed: int) -> list[dict[str, object]]:
    """`each` orders of every sentence of part 0 (training) or 1 (evaluation)."""
    draw = random.Random(seed)
    made: list[dict[str, object]] = []
    for number, sentence in enumerate(SENTENCES[part]):
        for again in range(each):
            answer = {
                "cliente": f"{draw.choice(NAMES[part])} {draw.choice(SURNAMES[part])}",
                "ciudad": draw.choice(TOWNS[part]),
                "producto": draw.choice(PRODUCTS[part]),
                "unidades": draw.randrange(2, 60),
            }
            said = sentence.format(**answer)
            made.append({"id": f"{number}-{again}", "input": said, "answer": answer})
    draw.shuffle(made)
    return made


def text(answer: object) -> str:
    """The JSON to be learned."""
    return json.dumps(answer, ensure_ascii=False)


def write(name: str, rows: list[dict[str, object]]) -> None:
    """JSON Lines beside this file."""
    lines = (json.dumps(row, ensure_ascii=False) for row in rows)
    (HERE / name).write_text("\n".join(lines) + "\n", encoding="utf-8")


def main() -> None:
    """Write the orders to train on, and those to evaluate on."""
    write(
        "train.jsonl",
        [
            {"id": f"t-{one['id']}", "input": one["input"], "output": text(one["answer"])}
            for one in orders(0, 18, seed=1)
        ],
    )
    write(
        "orders.jsonl",
        [
            {
                "id": f"e-{one['id']}",
                "group": f"sentence {str(one['id']).partition('-')[0]}",
                "language": "es",
                "input": one["input"],
                "references": [text(one["answer"])],
            }
            for one in orders(1, 6, seed=2)
        ],
    )


if __name__ == "__main__":
    main()
