"""Writes this example's data: notes of customers in Spanish, and the JSON that each should become.

The evaluation's sentences, and its ways to say that something is urgent, are none of the training's.
Run it again after a change: python make_data.py
"""

import json
import random
from pathlib import Path

HERE = Path(__file__).parent

# Reason: sentences to train on, then sentences to evaluate on. «{cosa}» is the order, or a noun.
SENTENCES = {
    "entrega": (
        [
            "Todavía no me ha llegado {cosa}.",
            "Llevo dos semanas esperando {cosa} y nada.",
            "El repartidor dice que entregó {cosa}, pero aquí no hay nadie.",
            "¿Cuándo llega {cosa}?",
            "{cosa} iba a llegar el lunes y sigo sin noticias.",
            "El transportista dejó {cosa} en otra calle.",
            "La web dice entregado, pero {cosa} no aparece.",
            "Quiero saber por dónde va {cosa}.",
            "No estuve en casa y se llevaron {cosa} de vuelta.",
            "Cambien la dirección de envío: {cosa} va a mi antigua casa.",
        ],
        [
            "Hace diez días que salió {cosa} y aún no está en mi puerta.",
            "¿Me pueden decir en qué ciudad se encuentra {cosa}?",
            "Mi vecino recibió {cosa} en vez de mí.",
            "El mensajero nunca pasó a dejar {cosa}.",
        ],
    ),
    "factura": (
        [
            "Me cobraron dos veces {cosa}.",
            "Necesito la factura de {cosa} con el CIF de mi empresa.",
            "El importe de {cosa} no coincide con lo que vi en la tienda.",
            "En la factura de {cosa} falta el IVA desglosado.",
            "¿Por qué me han cargado gastos de envío en {cosa}?",
            "No encuentro el recibo de {cosa}.",
            "El descuento no se aplicó a {cosa}.",
            "Aparece un cargo en mi tarjeta por {cosa} que no reconozco.",
            "Mandadme la factura de {cosa} en PDF.",
            "Pagué {cosa} por transferencia y sigue como pendiente de pago.",
        ],
        [
            "El banco muestra un pago repetido por {cosa}.",
            "Preciso un comprobante de pago de {cosa} para contabilidad.",
            "El total que me cobraron por {cosa} está mal sumado.",
            "Hay un error en el NIF de la factura de {cosa}.",
        ],
    ),
    "devolución": (
        [
            "Quiero devolver {cosa}, no es de mi talla.",
            "¿Cómo devuelvo {cosa}?",
            "No me gusta {cosa} y quiero que me reembolsen.",
            "Envié de vuelta {cosa} y no me han devuelto el dinero.",
            "Me arrepiento de la compra: recojan {cosa}.",
            "Pedí azul y vino rojo; quiero cambiar {cosa}.",
            "¿Qué plazo hay para devolver {cosa}?",
            "Necesito la etiqueta para devolver {cosa}.",
            "Quiero cambiar {cosa} por otra talla.",
            "El reembolso de {cosa} no llega.",
        ],
        [
            "Deseo regresar {cosa} porque no era lo que esperaba.",
            "¿Pueden pasar a recoger {cosa}? Ya no lo quiero.",
            "Solicité el reembolso de {cosa} y sigo sin verlo.",
            "Me gustaría cambiar {cosa} por un modelo más grande.",
        ],
    ),
    "avería": (
        [
            "No enciende {cosa}.",
            "{cosa} hace un ruido raro desde ayer.",
            "La pantalla de {cosa} se ha roto sola.",
            "{cosa} se apaga a los cinco minutos.",
            "La batería de {cosa} no carga.",
            "Llegó abollado y no funciona {cosa}.",
            "Sale humo de {cosa}.",
            "{cosa} dejó de funcionar en garantía.",
            "El botón de {cosa} está atascado.",
            "{cosa} pierde agua por debajo.",
        ],
        [
            "{cosa} no arranca por mucho que lo intente.",
            "Se calienta demasiado {cosa} y huele a quemado.",
            "Una pieza de {cosa} se partió al primer uso.",
            "{cosa} se queda bloqueado y no responde.",
        ],
    ),
    "cuenta": (
        [
            "No puedo entrar en mi cuenta para ver {cosa}.",
            "Olvidé la contraseña y quiero consultar {cosa}.",
            "No me llega el correo de verificación para seguir {cosa}.",
            "Quiero cambiar el correo de mi cuenta, donde está {cosa}.",
            "Mi usuario aparece bloqueado y no veo {cosa}.",
            "Borren mi cuenta; {cosa} ya está resuelto.",
            "La aplicación me cierra la sesión al abrir {cosa}.",
            "Tengo dos cuentas y {cosa} está en la otra.",
            "Quiero actualizar mi teléfono en el perfil antes de {cosa}.",
            "Alguien entró en mi cuenta y miró {cosa}.",
        ],
        [
            "Me sale «contraseña incorrecta» cuando quiero mirar {cosa}.",
            "¿Cómo recupero mi usuario para revisar {cosa}?",
            "Mi perfil ya no muestra {cosa} desde que cambié de correo.",
            "El inicio de sesión falla y no alcanzo a ver {cosa}.",
        ],
    ),
}
NOUNS = ("el paquete", "lo que compré", "mi compra", "el artículo")
ORDERS = ("el pedido {n}", "mi pedido {n}", "la compra {n}", "el pedido con número {n}")
URGENT = (
    (" Es urgente.", " Lo necesito hoy mismo.", " Corre mucha prisa.", " ¡Urgente!"),
    (" Necesito una solución cuanto antes.", " Es para hoy, por favor, urgente."),
)
CALM = (
    ("", " Gracias.", " Un saludo.", " Cuando puedan, sin prisa."),
    (" Muchas gracias de antemano.", " Quedo a la espera, sin apuro."),
)
GREETINGS = (("", "Hola. ", "Buenos días: ", "Buenas tardes. "), ("Hola, ¿qué tal? ", "Saludos. "))


def notes(part: int, each: int, seed: int) -> list[dict[str, object]]:
    """`each` notes of every sentence of part 0 (training) or 1 (evaluation)."""
    draw = random.Random(seed)
    made = []
    for reason, sentences in SENTENCES.items():
        for number, sentence in enumerate(sentences[part]):
            for again in range(each):
                order = f"{draw.choice('ABCDEFG')}-{draw.randrange(1000, 10000)}"
                ordered, urgent = draw.random() < 0.6, draw.random() < 0.5
                thing = draw.choice(ORDERS).format(n=order) if ordered else draw.choice(NOUNS)
                said = sentence.format(cosa=thing)
                said = said.replace(" de el ", " del ").replace(" a el ", " al ")
                said = said[0].upper() + said[1:]
                ending = draw.choice((URGENT if urgent else CALM)[part])
                made.append(
                    {
                        "id": f"{'te'[part]}-{reason}-{number}-{again}",
                        "group": f"{reason}-{number}",
                        "input": draw.choice(GREETINGS[part]) + said + ending,
                        "answer": {
                            "motivo": reason,
                            "pedido": order if ordered else None,
                            "urgente": urgent,
                        },
                    }
                )
    draw.shuffle(made)
    return made


def write(name: str, rows: list[dict[str, object]]) -> None:
    """JSON Lines beside this file."""
    lines = (json.dumps(row, ensure_ascii=False) for row in rows)
    (HERE / name).write_text("\n".join(lines) + "\n", encoding="utf-8")


def main() -> None:
    """Write the training notes and the evaluation's samples."""
    train = [
        {
            "id": note["id"],
            "input": note["input"],
            "output": json.dumps(note["answer"], ensure_ascii=False),
        }
        for note in notes(0, 5, seed=1)
    ]
    write("train.jsonl", train)
    samples = [
        {
            "id": note["id"],
            "group": note["group"],
            "language": "es",
            "input": note["input"],
            "references": [json.dumps(note["answer"], ensure_ascii=False)],
        }
        for note in notes(1, 3, seed=2)
    ]
    write("notes.jsonl", samples)


if __name__ == "__main__":
    main()
